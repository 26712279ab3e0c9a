"""What every command shares: its options, the project, the selection, the folders and documents it writes."""
