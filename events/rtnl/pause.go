package rtnl

import "time"

// A dump of so many routes, or fewer, costs nothing that matters.
const manyRoutes = 1000

// pause keeps dumps of the routes of a family apart where there are many: on a router with a full table of the Internet one
// takes a second, and an interface that comes and goes all the time would ask for one after the other.
type pause struct {
	until time.Time // no dump before
	asked bool      // one is to come then
}

// ended notes that a dump which showed so many routes took so long. Of the time from its end to that of the next one, dumps
// take a twentieth.
func (p *pause) ended(now time.Time, routes int, took time.Duration) {
	*p = pause{}
	if routes > manyRoutes {
		p.until = now.Add(19 * took)
	}
}

// holds says whether a dump has to wait, and remembers that it does.
func (p *pause) holds(now time.Time) bool {
	p.asked = now.Before(p.until)
	return p.asked
}

// over says whether a dump has waited long enough, and forgets it then.
func (p *pause) over(now time.Time) bool {
	if !p.asked || now.Before(p.until) {
		return false
	}
	p.asked = false
	return true
}
