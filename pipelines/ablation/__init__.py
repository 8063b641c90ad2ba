"""What each component of the line is worth: the line without it beside the line, on the same market."""
