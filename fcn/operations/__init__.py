"""What whoever runs a monitor asks of it: how it is, figures, files that do not grow for ever."""
