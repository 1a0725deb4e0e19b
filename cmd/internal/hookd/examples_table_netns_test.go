package hookd

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/google/go-cmp/cmp"

	"hookd/events"
	"hookd/internal/control"
)

func exampleTests() map[string]example {
	return map[string]example{
		"alert-link-lost":   {2, []string{"logger"}, (*host).alertLinkLost},
		"backup-modem":      {2, nil, (*host).backupModem},
		"dyndns":            {1, []string{"curl"}, (*host).dyndns},
		"event-log":         {3, nil, (*host).eventLog},
		"firewall":          {2, nil, (*host).firewall},
		"firewall-uplinks":  {2, nil, (*host).firewallUplinks},
		"if-up-scripts":     {2, []string{"run-parts"}, (*host).ifUpScripts},
		"interface-sysctls": {2, nil, (*host).interfaceSysctls},
		"join-bridge":       {1, nil, (*host).joinBridge},
		"log-failures":      {1, []string{"logger"}, (*host).logFailures},
		"log-lost":          {1, []string{"logger"}, (*host).logLost},
		"mount-shares":      {2, nil, (*host).mountShares},
		"resolver":          {3, nil, (*host).resolver},
		"restart-vpn":       {2, nil, (*host).restartVPN},
		"source-routing":    {4, nil, (*host).sourceRouting},
		"time-sources":      {2, nil, (*host).timeSources},
		"wifi-off":          {5, nil, (*host).wifiOff},
	}
}

func (h *host) alertLinkLost() {
	said := h.syslog()
	h.uplink("eth0", "far", "192.0.2.2/24")
	h.start()
	h.tells("interface.state interface=eth0")
	h.batch("link set dev far down", "link set dev far up", "link set dev far down") // told once
	h.logs(said, 1, "<28>")
	h.logs(said, 1, "hookd: eth0 has lost its link")
	h.batch("link set dev far up")
	h.logs(said, 2, "hookd: eth0 has its link again")
}

func (h *host) eventLog() {
	h.parameters("event-log", "file="+h.path("events.json"))
	h.start()
	if err := addBridge(evil); err != nil {
		h.t.Fatal(err)
	}
	h.eventually("the bridge is there", func() bool { return len(h.logged()) == 2 })
	h.ip("link", "del", "dev", evil)
	h.eventually("the bridge is gone", func() bool { return len(h.logged()) == 4 })
	if diff := cmp.Diff([]string{"link.added", "interface.state", "interface.state", "link.removed"}, h.logged()); diff != "" {
		h.t.Errorf("events (-want +got):\n%s", diff)
	}
}

// logged are the events of the interface with the evil name in the log of events.
func (h *host) logged() []string {
	h.t.Helper()
	var names []string
	for _, line := range h.lines("events.json") {
		var e events.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			h.t.Fatalf("%s: %v", line, err)
		}
		if of, _ := e.Get("interface"); of == evil {
			names = append(names, e.Name)
		}
	}
	return names
}

func (h *host) ifUpScripts() {
	h.parameters("if-up-scripts", "directory="+h.path("network"))
	for _, dir := range []string{"if-pre-up.d", "if-up.d", "if-down.d", "if-post-down.d"} {
		h.write("network/"+dir+"/note", "#!/bin/sh\n"+
			"echo \"$0 $IFACE $LOGICAL $MODE $PHASE $ADDRFAM $METHOD $VERBOSITY\" >>DIR/calls\n", 0o755)
	}
	h.start()
	h.uplink(evil, "far", "192.0.2.2/24")
	up := h.path("network/if-up.d/note") + " " + evil + " " + evil + " start post-up inet manual 0"
	h.called(up)
	h.ip("link", "set", "dev", evil, "down")
	h.called(up, h.path("network/if-down.d/note")+" "+evil+" "+evil+" stop pre-down inet manual 0",
		h.path("network/if-post-down.d/note")+" "+evil+" "+evil+" stop post-down inet manual 0")
}

func (h *host) interfaceSysctls() {
	h.start()
	h.veth(evil, "lan0") // of the second name no hook wants to know
	h.done("interface-sysctls", 1)
	h.ip("link", "set", "dev", "lan0", "name", "en0")
	h.done("interface-sysctls", 2)
	for _, name := range []string{evil, "en0"} {
		for setting, want := range map[string]string{"ipv4/conf/%s/rp_filter": "1", "ipv4/conf/%s/arp_ignore": "1",
			"ipv4/conf/%s/arp_announce": "2", "ipv6/conf/%s/accept_redirects": "0"} {
			path := "/proc/sys/net/" + fmt.Sprintf(setting, name)
			if got, err := os.ReadFile(path); err != nil || strings.TrimSpace(string(got)) != want {
				h.t.Errorf("%s is %q, %v", path, got, err)
			}
		}
	}
}

func (h *host) joinBridge() {
	const tap = "tap$(id)*;"
	h.start()
	h.veth(tap, "guest")
	h.eventually("the first try is over", func() bool {
		var s control.Status
		return h.call(control.MethodStatus, nil, &s) == nil && s.Runs == 1 && s.Running == 0
	})
	h.ip("link", "add", "name", "br0", "type", "bridge")
	if j := h.done("join-bridge", 1)[0]; j.Tries < 2 {
		h.t.Errorf("%d tries", j.Tries)
	}
	ports := h.ip("-o", "link", "show", "up", "master", "br0")
	if !strings.Contains(ports, ": "+tap+"@") || strings.Count(ports, "\n") != 1 {
		h.t.Errorf("ports of the bridge: %s", ports)
	}
}

func (h *host) logFailures() {
	said := h.syslog()
	h.write("hooks/fails.hook", "[Hook]\nOn=link.added interface=eth*\nExec=/bin/false\n", 0o644)
	h.start()
	if err := addBridge(evil); err != nil {
		h.t.Fatal(err)
	}
	h.eventually("the failure is in the history", func() bool { return len(h.runs("fails")) == 1 })
	h.logs(said, 1, "<27>")
	h.logs(said, 1, "hookd: fails failed for link.added of "+evil+", run "+h.runs("fails")[0].Run)
}

func (h *host) logLost() {
	said := h.syslog()
	h.veth("va", "vb")
	h.start()
	h.tells("interface.state interface=va") // before that there is nothing to lose
	var flaps []string
	for range 1000 {
		flaps = append(flaps, "link set dev va up", "link set dev va down")
	}
	h.cmd.Process.Signal(syscall.SIGSTOP)
	h.eventually("the buffer is full", func() bool {
		h.batch(flaps...)
		return h.dropped()
	})
	h.cmd.Process.Signal(syscall.SIGCONT)
	h.logs(said, 1, "<28>")
	h.logs(said, 1, "hookd: messages of the kernel were lost, overruns so far: 1")
}

// dropped says whether the kernel has dropped messages to hookd (/proc/net/netlink of hookd's namespace).
func (h *host) dropped() bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/netlink", h.cmd.Process.Pid))
	if err != nil {
		h.t.Fatal(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if f := strings.Fields(line); len(f) == 10 && f[1] == "0" && f[8] != "0" { // protocol and drops
			return true
		}
	}
	return false
}

func (h *host) mountShares() {
	h.standIn("mount", "")
	h.standIn("umount", "")
	h.start()
	h.uplink(evil, "far", "192.0.2.2/24")
	h.ip("route", "add", "default", "via", "192.0.2.1", "dev", evil)
	h.called("mount -a -t nfs,nfs4,cifs")
	h.batch("link set dev far down", "link set dev far up", "link add name later type bridge") // offline is too short
	h.tells("link.added interface=later")
	h.called("mount -a -t nfs,nfs4,cifs")
	h.ip("link", "set", "dev", "far", "down")
	h.called("mount -a -t nfs,nfs4,cifs", "umount -a -l -t nfs,nfs4,cifs")
}

func (h *host) timeSources() {
	h.standIn("chronyc", "test -e DIR/runs || { : >DIR/runs; echo '506 Cannot talk to daemon'; exit 1; }")
	h.start()
	h.uplink(evil, "far", "192.0.2.2/24")
	h.ip("route", "add", "default", "via", "192.0.2.1", "dev", evil)
	if j := h.done("time-sources", 1)[0]; j.Tries != 2 {
		h.t.Errorf("%d tries", j.Tries)
	}
	h.ip("link", "del", "dev", evil)
	h.called("chronyc onoffline", "chronyc onoffline", "chronyc onoffline")
}

func (h *host) wifiOff() {
	const off, on = "rfkill block wlan", "rfkill unblock wlan"
	h.standIn("rfkill", "")
	h.start()
	h.called(on)
	h.uplink(evil, "far", "192.0.2.2/24")
	h.called(on, off)
	h.uplink("en1", "farther", "198.51.100.2/24")
	h.called(on, off, off)
	h.ip("link", "set", "dev", "far", "down")
	h.called(on, off, off, off)
	h.ip("link", "set", "dev", "farther", "down")
	h.called(on, off, off, off, on)
}
