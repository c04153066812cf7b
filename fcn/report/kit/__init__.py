"""What every page is made of: page, table, picture, house style."""
