SELECT groupUniqArray(100)(dialect), groupUniqArray(100)(level), groupUniqArray(100)(environment)
FROM events WHERE project = {project:UInt32} AND ts >= fromUnixTimestamp64Micro({start:Int64}, 'UTC') AND ts < fromUnixTimestamp64Micro({end:Int64}, 'UTC')
