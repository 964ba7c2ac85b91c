package main

import "time"

// risks are situations of an hourly load, whose arrivals the agent learns.
func risks() []situation {
	const config = common + `
datasets:
  - table: shop.main.orders
    time_column: at
    checks: [{freshness: {id: fresh, fail: 48h, schedule: "*/5 * * * *"}}]
    risk: {deadline: "0 * * * *"}`
	return []situation{
		{name: "hourly-load", about: "an hourly load comes 40 minutes before its deadline, for 14 hours", rate: 600,
			every: minute, length: 14 * hour, config: config, rows: tables, load: hourly(func(int) int { return 20 })},
		{name: "load-at-risk", about: "after twelve hours, an hourly load does not come before its deadline", rate: 600,
			every: minute, length: 14 * hour, config: config, rows: tables, load: hourly(func(hour int) int {
				if hour == 12 {
					return never
				}
				return 20
			})},
		{name: "risk-model-off", about: "an hourly load comes ever closer to its deadline, after two early misses", rate: 2400,
			every: 5 * minute, length: 60 * hour, config: config, rows: tables, load: hourly(func(hour int) int {
				if hour == 3 || hour == 7 {
					return never
				}
				return 5 + 5*(hour/2%11) // from :05 to :55 in 22 hours, again and again
			})},
	}
}

const never = -1

// hourly inserts an order in each hour, at the minute that a function of the hour returns.
func hourly(minuteOf func(hour int) int) func(r *run, at time.Duration) error {
	return func(r *run, at time.Duration) error {
		if int(at%hour/minute) != minuteOf(int(at/hour)) {
			return nil
		}
		return order(r, at)
	}
}
