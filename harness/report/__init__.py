"""Show results: in the terminal, and as JSON, JUnit and Markdown; nothing here judges."""
