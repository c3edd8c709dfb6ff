"""The steps of the recipe, a file each: what they find is a record."""
