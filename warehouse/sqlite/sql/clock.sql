SELECT unixepoch('now','subsec')
