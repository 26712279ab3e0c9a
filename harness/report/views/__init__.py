"""What each command shows on the screen, a file for each."""
