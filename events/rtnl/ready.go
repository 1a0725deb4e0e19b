package rtnl

// Ready is closed when the state found at start has been told.
func (s *Source) Ready() <-chan struct{} { return s.ready }
