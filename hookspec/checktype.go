package hookspec

import (
	"slices"

	"hookd/events"
)

// useless says which keys have no effect in a service, and what has instead.
func useless() []struct{ key, hint string } {
	return []struct{ key, hint string }{
		{"Reverse", "stops of services always run in reverse"},
		{"Input", "a service finds the event in its environment"},
		{"Timeout", "[Service] has TimeoutStartSec=, TimeoutStopSec= and RuntimeMaxSec="},
		{"KillAfter", "[Service] has TimeoutStopSec="},
		{"Failure", "a service counts as done once its start is asked for; Requires= of another hook waits for it to run"},
		{"Retry", "[Service] has Restart="},
		{"RetryDelay", "[Service] has RestartSec="},
	}
}

// checkType judges what depends on Type=.
func (p *parser) checkType() {
	switch h := p.hook; {
	case p.untyped:
		return // what the hook is nobody knows
	case h.Service:
		p.checkService()
	default:
		p.checkOneshot()
	}
	if p.hook.WhenBusy == "" {
		p.hook.WhenBusy = p.hook.defaultBusy()
	}
}

func (p *parser) checkOneshot() {
	for _, key := range []string{"While", "StopOn", "Unit"} {
		if p.tried(key) {
			p.fault(p.settingPlace(key), "add Type=service", "%s= is for services", key)
		}
	}
	for _, at := range p.service {
		p.fault(at, "add Type=service to [Hook]", "the section [Service] is for services")
	}
	if busy := p.hook.WhenBusy; busy == BusyKeep || busy == BusyRestart {
		p.fault(p.settingPlace("WhenBusy"), "add Type=service, or write queue, replace, merge or parallel", "WhenBusy=%s is for services", busy)
	}
	if len(p.hook.On) == 0 && !p.tried("On") && !p.tried("While") {
		p.fault(Place{p.hook.Path, 1, 1}, "add a line such as On=link.up interface=eth0", "the hook has no On= and would never run")
	}
}

func (p *parser) checkService() {
	for _, k := range useless() {
		if p.tried(k.key) {
			p.fault(p.settingPlace(k.key), k.hint, "%s= is for oneshots", k.key)
		}
	}
	if busy := p.hook.WhenBusy; busy != "" && busy != BusyKeep && busy != BusyRestart {
		p.fault(p.settingPlace("WhenBusy"), "write keep or restart", "WhenBusy=%s is for oneshots", busy)
	}
	if p.tried("Unit") {
		p.checkUnit()
	}
}

// checkUnit refuses what an existing unit says itself.
func (p *parser) checkUnit() {
	for _, key := range []string{"Exec", "User", "Group", "WorkingDirectory", "Environment"} {
		if p.tried(key) {
			p.fault(p.settingPlace(key), "an existing unit has its own; a drop-in of systemd's can change it", "%s= beside Unit=", key)
		}
	}
	for _, at := range p.service {
		p.fault(at, "an existing unit has its own; a drop-in of systemd's can change it", "the section [Service] beside Unit=")
	}
	if p.hook.Script {
		p.fault(p.settingPlace("Unit"), "the script itself is what runs", "Unit= in a script")
	}
}

func (p *parser) checkProgram() {
	switch exec := p.tried("Exec"); {
	case p.hook.Script && exec:
		p.fault(p.settingPlace("Exec"), "the script itself is what runs", "Exec= in a script")
	case !p.hook.Script && !exec && !p.tried("Unit"):
		p.fault(Place{p.hook.Path, 1, 1}, "add a line such as Exec=/usr/local/bin/program", "the hook has no Exec=")
	}
}

// checkName refuses the name of which the unit would be one of hookd's own.
func (p *parser) checkName() {
	if p.hook.Service && p.hook.Name == "flush" && !p.tried("Unit") && !p.tried("Instance") {
		p.fault(Place{p.hook.Path, 1, 1}, "give the file another name", "a service called flush: hookd-flush.service is hookd's own")
	}
}

// checkInstances refuses lines that cannot say which instance of a service they mean.
func (p *parser) checkInstances() {
	if !p.hook.Service {
		return
	}
	for _, name := range p.hook.Instance.Params() {
		if slices.ContainsFunc(p.hook.Parameters, func(d Parameter) bool { return d.Name == name && d.HasDefault }) {
			continue
		}
		for _, on := range p.hook.StopOn {
			if carried, near := carry(on.Pattern, name); !carried {
				p.fault(on.Place, events.DidYouMean(near), "%s carries no %s, so the line cannot say which instance it stops (Instance=%s)", on.Pattern, name, p.hook.Instance)
			}
		}
		for _, s := range p.hook.While {
			if carried, near := s.carries(name); !carried {
				p.fault(s.Place, events.DidYouMean(near), "the state %s has no %s, so the line cannot say which instance it wants (Instance=%s)", s.Name, name, p.hook.Instance)
			}
		}
	}
}
