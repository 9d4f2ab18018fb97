SELECT toUnixTimestamp64Micro(max(ts)) AS ts FROM events WHERE project = {project:UInt32} HAVING count() > 0
