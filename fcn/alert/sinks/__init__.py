"""Where alerts go: files, folders, the terminal, a web address, a broker; none can slow who speaks."""
