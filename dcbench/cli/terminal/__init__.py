"""What the commands print, one file a subject."""
