package booted

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestOfficeVPN is what hookd was begun for, with the files of examples/office-vpn as they stand and the real OpenVPN: a
// VPN is started once when its gateway can be reached, opens the firewall, is back when it dies, and goes with the last
// default route, whatever happens to hookd meanwhile.
func TestOfficeVPN(t *testing.T) {
	for _, executor := range []string{"systemd", "process"} {
		t.Run(executor, func(t *testing.T) { testOfficeVPN(t, executor) })
	}
}

func testOfficeVPN(t *testing.T, executor string) {
	o := newOffice(t, executor)
	o.nothingStarts()
	o.starts()
	for _, during := range []struct {
		name string
		do   func(act func())
	}{
		{"as it is", func(act func()) { act() }},
		{"hookd dies before", func(act func()) { o.killHookd(); act(); o.startHookd() }},
		{"hookd dies after", func(act func()) { act(); o.killHookd(); o.startHookd() }},
	} {
		t.Log(during.name)
		o.during = during.do
		o.dies()
		o.anotherUplink()
		o.routesGo()
		o.byHand()
		o.defaultRoute()
	}
	o.droppedIn()
}

// nothingStarts is (1) and (2): a link with only a link-local address, and one without a carrier. Neither starts anything.
func (o *office) nothingStarts() {
	o.t.Helper()
	o.Run("ip", "link", "set", "ll0", "up")
	o.tells("interface.state interface=ll0 to=degraded")
	o.Run("ip", "link", "set", "nc0", "up")
	o.tells("interface.state interface=nc0 to=no-carrier")
	for _, vpn := range []string{"office-vpn", "branch-vpn"} {
		if s := o.service(vpn); s.Phase != "inactive" || s.Wanted || !strings.HasSuffix(s.Why, " does not hold") {
			o.t.Errorf("without a route: %+v", s)
		}
	}
	// Even a default route does not help while there is no carrier: the gateway cannot be reached.
	o.Run("ip", "address", "add", "198.51.100.130/25", "dev", "nc0")
	o.Run("ip", "route", "add", "default", "via", "198.51.100.129", "dev", "nc0", "metric", "300")
	o.until("the office VPN is wanted and says what it lacks", func() bool {
		s := o.service("office-vpn")
		return s.Wanted && s.Phase == "inactive" && strings.HasSuffix(s.Missing, "the route leads over nc0 by the gateway 198.51.100.129, which is not up")
	})
	o.Run("ip", "route", "del", "default")
	o.until("it is not wanted any more", func() bool { return !o.service("office-vpn").Wanted })
	o.tellsStory("office-vpn")
	o.tellsStory("branch-vpn")
}

// starts is (3) and (4): a default route starts the VPN, once, and what it starts loads the rule.
func (o *office) starts() {
	o.t.Helper()
	o.ruled(false)
	o.defaultRoute()
	first, branch := o.running("office-vpn"), o.running("branch-vpn")
	o.tellsStory("office-vpn", "starting(while)", "started(while)")
	o.tellsStory("branch-vpn", "starting(while)", "started(while)")
	o.passes()

	o.Run("ip", "link", "set", "ll0", "down")
	o.Run("ip", "address", "add", "192.0.2.3/24", "dev", "up0")
	o.Run("ip", "address", "del", "192.0.2.3/24", "dev", "up0")
	o.Run("ip", "route", "replace", "default", "via", "192.0.2.1", "dev", "up0", "metric", "200", "mtu", "1400")
	o.Run("hookctl", "emit", "default-route.added", "family=ipv4", "interface=up0", "metric=200", "--wait")
	o.tells("address.removed interface=up0 address=192.0.2.3")
	o.same("office-vpn", first)
	o.same("branch-vpn", branch)
	o.tellsStory("office-vpn", "starting(while)", "started(while)")
}

// dies is (5): a VPN that was killed is back.
func (o *office) dies() {
	o.t.Helper()
	before := o.running("office-vpn")
	o.forget()
	o.during(func() { o.Run("kill", "-9", before.pid()) })
	o.until("the office VPN is back", func() bool {
		s := o.service("office-vpn")
		return s.Phase == "running" && s.PID != before.PID && s.Restarts == before.Restarts+1
	})
	n := itoa(before.Restarts + 1)
	o.tellsStory("office-vpn", "failed(exit signal SIGKILL yes)", "starting(restart "+n+")", "started(restart "+n+")")
	o.running("office-vpn")
}

// anotherUplink is (6): a better default route. What is to be restarted over it is, once.
func (o *office) anotherUplink() {
	o.t.Helper()
	first, branch, met := o.running("office-vpn"), o.running("branch-vpn"), o.connections()
	o.forget()
	o.during(func() { o.Run("ip", "route", "add", "default", "via", "198.51.100.1", "dev", "up1", "metric", "100") })
	o.tells("default-route.changed family=ipv4 interface=up1 gateway=198.51.100.1 metric=100 old-interface=up0 old-gateway=192.0.2.1 old-metric=200")
	o.until("the branch VPN is another process", func() bool {
		s := o.service("branch-vpn")
		return s.Phase == "running" && s.PID != branch.PID && s.Restarts == 0
	})
	o.running("branch-vpn")
	o.until("the branch heard of it", func() bool { return o.connections() > met })
	o.passes()
	o.same("office-vpn", first)
	o.tellsStory("office-vpn")
	o.tellsStory("branch-vpn", "stopping(while yes)", "starting(while)", "started(while)")

	second := o.running("branch-vpn")
	o.forget()
	o.Run("ip", "link", "set", "ll0", "up")
	o.tells("interface.state interface=ll0 to=degraded")
	o.Run("ip", "link", "set", "ll0", "down")
	o.same("branch-vpn", second)
	if n := o.connections(); n != met+1 {
		o.t.Errorf("the branch VPN was started %d times for another uplink", n-met)
	}
}

// routesGo is (7): the services stay while one family has a route, and go with the last one.
func (o *office) routesGo() {
	o.t.Helper()
	o.Run("ip", "address", "replace", "2001:db8::2/64", "dev", "up0", "nodad")
	o.Run("ip", "route", "add", "default", "via", "2001:db8::1", "dev", "up0")
	first, branch := o.running("office-vpn"), o.running("branch-vpn")
	o.ruled(true)
	o.forget()
	o.during(func() { o.Run("ip", "-6", "route", "del", "default") })
	o.tells("default-route.removed family=ipv6")
	o.same("office-vpn", first)
	o.same("branch-vpn", branch)
	o.tellsStory("office-vpn")

	o.during(func() { o.Shell("ip route del default dev up1; ip route del default dev up0") })
	for _, vpn := range []string{"office-vpn", "branch-vpn"} {
		o.until(vpn+" is gone", func() bool { return o.service(vpn).Phase == "inactive" && o.processes(vpn) == 0 })
	}
	o.until("the rule is gone", func() bool { return !strings.Contains(o.rules(), "dport 22") })
	o.tellsStory("office-vpn", "stopping(while 1)", "stopped(while success 1)")
}

// byHand is (8): who starts it by hand without a route is told what is missing.
func (o *office) byHand() {
	o.t.Helper()
	out, err := o.Try("hookctl", "start", "office-vpn")
	want := "hookctl: cannot start office-vpn: ConditionReachable=vpn.example.com: vpn.example.com (203.0.113.10) is not reachable: there is no route to 203.0.113.10; While=default-route does not hold"
	if diff := cmp.Diff(want, out); err == nil || err.Error() != "exit status 1" || diff != "" {
		o.t.Errorf("hookctl start without a route: %v\n%s", err, diff)
	}
}

// droppedIn is (10): the file comes when the route is there already.
func (o *office) droppedIn() {
	o.t.Helper()
	const file = "/etc/hookd/hooks.d/office-vpn.hook"
	first := o.running("office-vpn")
	o.Run("mv", file, "/root")
	o.until("it goes with its file", func() bool {
		_, err := o.Try("hookctl", "status", "office-vpn")
		return err != nil && o.processes("office-vpn") == 0
	})
	o.until("the rule goes with it", func() bool { return !strings.Contains(o.rules(), "dport 22") })
	o.Run("mv", "/root/office-vpn.hook", file)
	if s := o.running("office-vpn"); s.PID == first.PID || s.Why != "While=default-route" {
		o.t.Errorf("a hook that came late: %+v", s)
	}
}
