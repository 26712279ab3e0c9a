"""From the values of a case to the arguments of a call."""
