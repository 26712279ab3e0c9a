"""What all commands share: options, the project, the selection, output folders and documents."""
