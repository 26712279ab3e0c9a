"""What commands conclude: verdicts, their reasons and next steps, what recording gave."""
