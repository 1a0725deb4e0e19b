package hookd

import (
	"fmt"
	"strings"

	"hookd/runner"
)

// Examples that are services. Their programs are stood in for: each writes down how it is called, and stays.

func serviceExamples() map[string]example {
	return map[string]example{
		"capture-link": {0, nil, (*host).captureLink},
		"dhcp-client":  {0, nil, (*host).dhcpClient},
		"ssh-tunnel":   {0, nil, (*host).sshTunnel},
	}
}

// servant makes a program that is called and stays.
func (h *host) servant(program string) {
	h.t.Helper()
	h.standIn(program, "exec sleep 100000")
	h.superviseBy(executorProcess)
}

// running waits until a service of a hook runs for as many instances, and returns their processes.
func (h *host) running(hook string, instances int) []int {
	h.t.Helper()
	var pids []int
	h.eventually(fmt.Sprintf("%d of %s run", instances, hook), func() bool {
		pids = nil
		for _, s := range h.services(hook) {
			if s.Phase == runner.Running {
				pids = append(pids, s.PID)
			}
		}
		return len(pids) == instances
	})
	return pids
}

func (h *host) dhcpClient() {
	h.servant("udhcpc")
	h.start()
	h.batch("link add name wlan0 type veth peer name far0", "link set dev far0 up", "link set dev wlan0 up") // no cable
	h.uplink("eth0", "far1", "192.0.2.2/24")
	h.uplink(evil, "far2", "192.0.2.3/24")
	pids := h.running("dhcp-client", 2)
	h.batch("link set dev far1 down", "link set dev far1 up") // too short to matter
	h.ip("link", "set", "dev", "far2", "down")
	if left := h.running("dhcp-client", 1); left[0] != pids[0] && left[0] != pids[1] {
		h.t.Errorf("process %d runs, of %v", left[0], pids)
	}
	if calls := h.lines("calls"); len(calls) != 2 || !strings.Contains(strings.Join(calls, "\n"), "udhcpc -f -R -i "+evil) {
		h.t.Errorf("%q", calls)
	}
}

func (h *host) captureLink() {
	h.parameters("capture-link", "directory=/tmp")
	h.servant("tcpdump")
	h.start()
	h.uplink(evil, "far", "192.0.2.2/24")
	h.running("capture-link", 1)
	h.eventually("it is called", func() bool { return len(h.lines("calls")) == 1 })
	got := h.lines("calls")[0]
	if want := "tcpdump -n -C 10 -W 5 -i " + evil + " -w /tmp/capture-"; !strings.HasPrefix(got, want) || strings.Count(got, evil) != 1 {
		h.t.Errorf("called as %s, want %s…", got, want)
	}
	h.ip("link", "del", "dev", evil)
	h.running("capture-link", 0)
}

func (h *host) sshTunnel() {
	h.parameters("ssh-tunnel", "server=192.0.2.9", "port=2222")
	h.servant("ssh")
	h.start()
	h.uplink(evil, "far", "192.0.2.2/24")
	if s := h.services("ssh-tunnel"); len(s) != 1 || s[0].Why != "While=online does not hold" {
		h.t.Errorf("before: %+v", s)
	}
	h.ip("route", "add", "default", "via", "192.0.2.1", "dev", evil)
	h.running("ssh-tunnel", 1)
	h.eventually("it is called", func() bool { return len(h.lines("calls")) == 1 })
	want := "ssh -N -o BatchMode=yes -o ExitOnForwardFailure=yes -o ServerAliveInterval=15 -R 2222:localhost:22 -- tunnel@192.0.2.9"
	if got := h.lines("calls")[0]; got != want {
		h.t.Errorf("called as %s", got)
	}
	h.ip("route", "del", "default")
	h.running("ssh-tunnel", 0)
}
