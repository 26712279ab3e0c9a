"""The flight recorder: what flows through a pipeline while it runs, and forced replay of what once flowed."""
