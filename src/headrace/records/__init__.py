"""The canonical records and their table layout: the one vocabulary that every other room shares."""
