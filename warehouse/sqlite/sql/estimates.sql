SELECT tbl, max(CAST(stat AS INTEGER))
FROM sqlite_stat1
GROUP BY tbl
