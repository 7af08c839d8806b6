"""What is printed: tables and paragraphs that fit a terminal, and results in words."""
