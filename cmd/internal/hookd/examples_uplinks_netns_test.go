package hookd

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// nft stands in for nft(8) and knows whether rules were loaded.
func (h *host) nft() {
	h.standIn("nft", "case $1 in\nlist) test -e DIR/loaded ;;\n-f) : >DIR/loaded ;;\nesac")
}

func (h *host) firewall() {
	h.nft()
	h.start()
	load := []string{"nft list table inet filter", "nft -f /etc/nftables.conf"}
	h.called(load...)
	h.done("firewall", 1)
	os.Remove(h.path("loaded")) // as "nft flush ruleset" does
	h.uplink(evil, "far", "192.0.2.2/24")
	h.called(append(load, load...)...)
	h.done("firewall", 2)
	h.uplink("eth1", "farther", "198.51.100.2/24")
	h.called(append(append(load, load...), load[0])...)
}

func (h *host) firewallUplinks() {
	h.use("firewall")
	h.nft()
	h.start()
	h.done("firewall", 1)
	h.uplink(evil, "far", "192.0.2.2/24")
	h.done("firewall-uplinks", 1)
	i, err := net.InterfaceByName(evil)
	if err != nil {
		h.t.Fatal(err)
	}
	h.ip("link", "del", "dev", evil)
	h.done("firewall-uplinks", 2)
	add := fmt.Sprintf("nft add element inet filter uplinks { %d }", i.Index)
	remove := fmt.Sprintf("; delete element inet filter uplinks { %d }", i.Index)
	h.called("nft list table inet filter", "nft -f /etc/nftables.conf", "nft list table inet filter", add, add+remove)
}

func (h *host) resolver() {
	file := h.path("etc/resolv.conf")
	h.parameters("resolver", "from="+h.path("resolv"), "file="+file)
	h.write("resolv/"+evil, "nameserver 192.0.2.53\n", 0o600)
	h.write("resolv/wwan0", "nameserver 198.51.100.53\n", 0o600)
	h.write("etc/resolv.conf", "nameserver 203.0.113.53\n", 0o600)
	h.uplink(evil, "far", "192.0.2.2/24")
	h.uplink("eth1", "farther", "203.0.113.2/24")
	h.uplink("wwan0", "cell", "198.51.100.2/24")
	h.start()
	uses := func(n int, want string) {
		h.t.Helper()
		h.done("resolver", n)
		got, err := os.ReadFile(file)
		fi, _ := os.Stat(file)
		left, _ := filepath.Glob(file + ".*")
		if err != nil || string(got) != "nameserver "+want+"\n" || fi.Mode().Perm() != 0o644 || len(left) > 0 {
			h.t.Errorf("it is %q, mode %v, beside it %q, %v; want %s", got, fi.Mode(), left, err, want)
		}
	}
	h.ip("route", "add", "default", "via", "192.0.2.1", "dev", evil, "metric", "300")
	uses(1, "192.0.2.53")
	h.ip("route", "add", "default", "via", "203.0.113.1", "dev", "eth1", "metric", "200") // which has no file
	uses(2, "192.0.2.53")
	h.ip("route", "add", "default", "via", "198.51.100.1", "dev", "wwan0", "metric", "100")
	uses(3, "198.51.100.53")
}

func (h *host) backupModem() {
	h.uplink("eth0", "far", "192.0.2.2/24")
	h.uplink("wwan0", "cell", "198.51.100.2/24")
	h.standIn("ifup", "ip route add default via 198.51.100.1 dev $1 metric 1000")
	h.standIn("ifdown", "ip route del default dev $1")
	h.ip("route", "add", "default", "via", "192.0.2.1", "dev", "eth0", "metric", "100")
	h.start()
	h.tells("default-route.added")
	h.ip("link", "set", "dev", "eth0", "down") // its routes go
	h.called("ifup wwan0")
	h.tells("default-route.added family=ipv4 interface=wwan0")
	h.batch("link set dev eth0 up", "route add default via 192.0.2.1 dev eth0 metric 100")
	h.called("ifup wwan0", "ifdown wwan0")
}

func (h *host) sourceRouting() {
	const rule, route = "from 198.51.100.5 lookup 101", "default via 192.0.2.1 dev eth1"
	state := func(n int, rules, routes int) {
		h.t.Helper()
		h.done("source-routing", n)
		if got := h.ip("rule"); strings.Count(got, rule) != rules {
			h.t.Errorf("%d rules wanted, there is %s", rules, got)
		}
		if got := h.ip("route", "show", "table", "all"); strings.Count(got, route+" table 101") != routes {
			h.t.Errorf("%d routes wanted, there is %s", routes, got)
		}
	}
	h.ip("rule", "add", "from", "198.51.100.5", "table", "101") // from an earlier time
	h.start()
	h.uplink("eth1", "far", "198.51.100.5/24")
	state(2, 1, 1)
	h.ip("link", "set", "dev", "eth1", "down")
	h.tells("link.down interface=eth1")
	state(2, 1, 0)
	h.ip("link", "set", "dev", "eth1", "up")
	state(3, 1, 1)
	h.ip("address", "del", "198.51.100.5/24", "dev", "eth1")
	state(4, 0, 0)
}

func (h *host) restartVPN() {
	const restart = "systemctl --no-block try-restart -- openvpn@office.service"
	h.standIn("systemctl", "")
	h.uplink(evil, "far", "192.0.2.2/24")
	h.uplink("wwan0", "cell", "198.51.100.2/24")
	h.uplink("wg0", "office", "203.0.113.2/24")
	h.ip("route", "add", "default", "via", "192.0.2.1", "dev", evil, "metric", "100")
	h.start()
	h.tells("default-route.added")
	h.batch("route del default dev "+evil, "route add default via 198.51.100.1 dev wwan0 metric 100")
	h.called(restart)
	h.done("restart-vpn", 1)
	if name := h.runs("restart-vpn")[0].Event.Name; name != "default-route.changed" {
		h.t.Errorf("a route that takes the place of another one is told as %s", name)
	}
	h.ip("route", "add", "default", "dev", "wg0", "metric", "50") // its own
	h.tells("default-route.changed family=ipv4 interface=wg0")
	h.ip("route", "del", "default", "dev", "wg0")
	h.tells("default-route.changed family=ipv4 interface=wwan0 gateway=198.51.100.1 metric=100 old-interface=wg0")
	h.called(restart)
	h.ip("route", "add", "default", "via", "192.0.2.1", "dev", evil, "metric", "50")
	h.called(restart, restart)
}

func (h *host) dyndns() {
	asked := make(chan string, 10) // more than come
	service := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		q := r.URL.Query()
		asked <- strings.Join([]string{user, password, r.URL.Path, q.Get("hostname"), q.Get("myip")}, " ")
		if len(asked) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprint(w, "good")
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	server := &http.Server{Handler: service}
	go server.Serve(l)
	h.t.Cleanup(func() { server.Close() })
	h.write("netrc", "machine 127.0.0.1 login me password secret\n", 0o600)
	h.parameters("dyndns", "host=home & garden", "url=http://"+l.Addr().String()+"/nic/update", "netrc="+h.path("netrc"))
	h.start()
	h.uplink(evil, "far", "2001:db8::5/64")
	h.batch("address add fd00::5/64 dev "+evil+" nodad", "address add 192.0.2.2/24 dev "+evil)
	if j := h.done("dyndns", 1)[0]; j.Tries != 2 {
		h.t.Errorf("%d tries", j.Tries)
	}
	for range 2 {
		if got := <-asked; got != "me secret /nic/update home & garden 2001:db8::5" {
			h.t.Errorf("the service heard %q", got)
		}
	}
	h.peace()
	if len(asked) > 0 {
		h.t.Errorf("the service also heard %q", <-asked)
	}
}
