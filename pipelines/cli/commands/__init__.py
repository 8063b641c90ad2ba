"""What can be asked, by theme. Only options are here; the work is imported when it is asked for."""
