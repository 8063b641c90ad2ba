"""Every stage of the line, each declared once; the graph, the line and the checks derive from them."""
