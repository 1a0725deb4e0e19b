package booted

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"hookd/internal/control"
	"hookd/runner"
)

// until waits for something that comes, however long that takes on a busy machine.
func (o *office) until(what string, holds func() bool) {
	o.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			out, _ := o.Try("hookctl", "status")
			o.t.Fatalf("still not: %s\n%s\n%s\n%s\n%s", what, out, o.show("office-vpn"), o.show("branch-vpn"), strings.Join(o.watched(), "\n"))
		}
	}
}

func (o *office) show(vpn string) string {
	out, _ := o.Try("hookctl", "status", vpn)
	return out
}

// vpn is a service as hookctl tells of it.
type vpn struct{ control.Service }

func (s vpn) pid() string { return itoa(s.PID) }

func (o *office) service(name string) vpn {
	o.t.Helper()
	var reply control.ServicesReply
	out, err := o.Try("hookctl", "status", name, "--json")
	if err != nil {
		return vpn{} // hookd is not there, or not yet the hook
	}
	if err := json.Unmarshal([]byte(out), &reply); err != nil || len(reply.Services) != 1 {
		o.t.Fatalf("the services of %s: %v in %s", name, err, out)
	}
	return vpn{reply.Services[0]}
}

// running waits for a service to run, as one process, with what belongs to it.
func (o *office) running(name string) vpn {
	o.t.Helper()
	var s vpn
	o.until(name+" runs", func() bool {
		s = o.service(name)
		return s.Phase == runner.Running && s.Wanted
	})
	if n := o.processes(name); n != 1 {
		o.t.Errorf("%d processes of %s run", n, name)
	}
	if name == "office-vpn" {
		o.ruled(true)
	}
	return s
}

// same fails when a service is not the process that it was.
func (o *office) same(name string, before vpn) {
	o.t.Helper()
	now := o.service(name)
	before.Output, now.Output = "", ""
	if diff := cmp.Diff(before, now); diff != "" || o.processes(name) != 1 {
		o.t.Errorf("%s (-before +now):\n%s", name, diff)
	}
}

// processes is how many processes are the OpenVPN of a service.
func (o *office) processes(name string) int {
	o.t.Helper()
	config := "/etc/openvpn/client/" + strings.TrimSuffix(name, "-vpn") + ".conf"
	out, err := o.Try("pgrep", "--count", "--full", "^/usr/sbin/openvpn .*"+config)
	n, bad := strconv.Atoi(out)
	if bad != nil {
		o.t.Fatalf("pgrep: %v %s", err, out)
	}
	return n
}

func (o *office) rules() string { return o.Run("nft", "list", "chain", "inet", "filter", "vpn") }

// ruled waits for the rule of the office VPN to be there, or fails when it is.
func (o *office) ruled(want bool) {
	o.t.Helper()
	const rule = `iifname "office" tcp dport 22 accept`
	if want {
		o.until("the rule is there", func() bool { return strings.Count(o.rules(), rule) == 1 })
	} else if rules := o.rules(); strings.Contains(rules, rule) {
		o.t.Errorf("the rule is there: %s", rules)
	}
}

// passes waits for a host of the office to answer through the tunnel.
func (o *office) passes() {
	o.t.Helper()
	o.until("the tunnel passes what it should", func() bool {
		_, err := o.Try("timeout", "5", "openssl", "s_client", "-connect", "10.8.0.1:4433", "-verify_quiet", "-CAfile", "/etc/openvpn/client/ca.crt", "-verify_return_error")
		return err == nil
	})
}

// connections is how often the branch was called.
func (o *office) connections() int {
	o.t.Helper()
	out := o.Run("journalctl", "--quiet", "--output=cat", "--unit=far-branch.service")
	return strings.Count(out, "TCP connection established with")
}

func itoa(n int) string { return strconv.Itoa(n) }
