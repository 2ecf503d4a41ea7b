"""What the commands print to the terminal, one file for each subject; the console itself is core/console.py."""
