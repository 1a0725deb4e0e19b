package adopt

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hookd/compat"
)

// oldHost is a root with every system, as Debian has them. Lines that end in / are directories, -> makes a link, and the rest
// is an executable file with a text.
const oldHost = `/usr/sbin/ifup
/usr/sbin/pppd
/usr/sbin/dhclient
/usr/sbin/NetworkManager
/usr/bin/networkd-dispatcher
/usr/lib/systemd/systemd-sleep
/usr/lib/systemd/system-sleep/
/usr/lib/hookd/hookshim
/usr/local/sbin/
/etc/network/if-pre-up.d/
/etc/network/if-up.d/
/etc/network/if-down.d/
/etc/network/if-post-down.d/
/etc/ppp/ip-up run-parts /etc/ppp/ip-up.d
/etc/ppp/ip-up.d/
/etc/ppp/ip-down.d/
/etc/dhcp/dhclient-exit-hooks.d/
/etc/NetworkManager/dispatcher.d/pre-up.d/
/etc/NetworkManager/dispatcher.d/pre-down.d/
/etc/systemd/system/
/etc/hookd/adopted/
`

func host(t *testing.T, lines string) Host {
	t.Helper()
	h := Host{Root: t.TempDir()}
	for line := range strings.Lines(lines) {
		h.put(t, strings.TrimSpace(line))
	}
	return h
}

func (h Host) put(t *testing.T, line string) {
	t.Helper()
	path, text, _ := strings.Cut(line, " ")
	target, isLink := strings.CutPrefix(text, "-> ")
	err := os.MkdirAll(filepath.Dir(h.at(path)), 0o755)
	switch {
	case strings.HasSuffix(path, "/"):
		err = os.MkdirAll(h.at(path), 0o755)
	case isLink:
		err = os.Symlink(target, h.at(path))
	case err == nil:
		err = os.WriteFile(h.at(path), []byte(text), 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// tree is every file of a host with its mode and what is in it.
func (h Host) tree(t *testing.T) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(h.Root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		text, _ := os.ReadFile(path)
		target, _ := os.Readlink(path)
		out = append(out, fmt.Sprintf("%s %s %q %s", strings.TrimPrefix(path, h.Root), info.Mode(), text, target))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// told takes what is said, without the root of the test.
type told []string

func (h Host) teller(to *told) func(string) {
	return func(s string) { *to = append(*to, strings.ReplaceAll(s, h.Root, "")) }
}

func (h Host) adopt(t *testing.T, system string, links bool) told {
	t.Helper()
	p, err := h.Plan(system, links)
	if err != nil {
		t.Fatal(err)
	}
	var said told
	if err := h.Carry(p, h.teller(&said)); err != nil {
		t.Fatal(err)
	}
	return said
}

func (h Host) undo(t *testing.T, system string) told {
	t.Helper()
	var said told
	if err := h.Undo(system, false, h.teller(&said)); err != nil {
		t.Fatal(err)
	}
	return said
}

// TestSentences adopts each system and takes it back: what is said of both, and that nothing of it is left.
func TestSentences(t *testing.T) {
	for _, test := range []struct {
		system string
		links  bool
		want   string
	}{
		{"ifupdown", false, `linked /usr/local/sbin/run-parts to /usr/lib/hookd/hookshim
removed the link /usr/local/sbin/run-parts`},
		{"ifupdown", true, `linked /etc/network/if-pre-up.d/hookd to /usr/lib/hookd/hookshim
linked /etc/network/if-up.d/hookd to /usr/lib/hookd/hookshim
linked /etc/network/if-down.d/hookd to /usr/lib/hookd/hookshim
linked /etc/network/if-post-down.d/hookd to /usr/lib/hookd/hookshim
removed the link /etc/network/if-post-down.d/hookd
removed the link /etc/network/if-down.d/hookd
removed the link /etc/network/if-up.d/hookd
removed the link /etc/network/if-pre-up.d/hookd`},
		{"ppp", false, `linked /usr/local/sbin/run-parts to /usr/lib/hookd/hookshim
removed the link /usr/local/sbin/run-parts`},
		{"ppp", true, `made the directory /etc/ppp/ip-pre-up.d
linked /etc/ppp/ip-pre-up.d/hookd to /usr/lib/hookd/hookshim
linked /etc/ppp/ip-up.d/hookd to /usr/lib/hookd/hookshim
linked /etc/ppp/ip-down.d/hookd to /usr/lib/hookd/hookshim
made the directory /etc/ppp/ipv6-up.d
linked /etc/ppp/ipv6-up.d/hookd to /usr/lib/hookd/hookshim
made the directory /etc/ppp/ipv6-down.d
linked /etc/ppp/ipv6-down.d/hookd to /usr/lib/hookd/hookshim
removed the link /etc/ppp/ipv6-down.d/hookd
removed the directory /etc/ppp/ipv6-down.d
removed the link /etc/ppp/ipv6-up.d/hookd
removed the directory /etc/ppp/ipv6-up.d
removed the link /etc/ppp/ip-down.d/hookd
removed the link /etc/ppp/ip-up.d/hookd
removed the link /etc/ppp/ip-pre-up.d/hookd
removed the directory /etc/ppp/ip-pre-up.d`},
		{"networkmanager", false, `linked /etc/NetworkManager/dispatcher.d/hookd to /usr/lib/hookd/hookshim
linked /etc/NetworkManager/dispatcher.d/pre-up.d/hookd to /usr/lib/hookd/hookshim
linked /etc/NetworkManager/dispatcher.d/pre-down.d/hookd to /usr/lib/hookd/hookshim
removed the link /etc/NetworkManager/dispatcher.d/pre-down.d/hookd
removed the link /etc/NetworkManager/dispatcher.d/pre-up.d/hookd
removed the link /etc/NetworkManager/dispatcher.d/hookd`},
		{"dhclient", false, `wrote /etc/dhcp/dhclient-exit-hooks.d/hookd
removed /etc/dhcp/dhclient-exit-hooks.d/hookd`},
		{"system-sleep", false, `linked /usr/lib/systemd/system-sleep/hookd to /usr/lib/hookd/hookshim
removed the link /usr/lib/systemd/system-sleep/hookd`},
		{"networkd-dispatcher", false, `masked networkd-dispatcher.service
unmasked networkd-dispatcher.service`},
	} {
		t.Run(fmt.Sprint(test.system, test.links), func(t *testing.T) {
			h := host(t, oldHost)
			before := h.tree(t)
			said := h.adopt(t, test.system, test.links)
			if again := h.adopt(t, test.system, test.links); len(again) > 0 {
				t.Errorf("a second time: %q", again)
			}
			record := "the record /etc/hookd/adopted/" + test.system
			want := "wrote " + record + "\n" + test.want + "\nremoved " + record
			got := strings.Join(append(said, h.undo(t, test.system)...), "\n")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(before, h.tree(t)); diff != "" {
				t.Errorf("it leaves\n%s", diff)
			}
		})
	}
}

// TestDryRun changes nothing, and says what the other one then does.
func TestDryRun(t *testing.T) {
	h := host(t, oldHost)
	before := h.tree(t)
	p, err := h.Plan("ppp", true)
	if err != nil {
		t.Fatal(err)
	}
	var would told
	h.Say(p, h.teller(&would))
	if diff := cmp.Diff(before, h.tree(t)); diff != "" {
		t.Error(diff)
	}
	if did := h.adopt(t, "ppp", true); len(did) != len(would) || would[1] != "would make the directory /etc/ppp/ip-pre-up.d" {
		t.Errorf("%q\n%q", would, did)
	}
	before, would = h.tree(t), nil
	if err := h.Undo("ppp", true, h.teller(&would)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, h.tree(t)); diff != "" {
		t.Error(diff)
	}
	for i, did := range h.undo(t, "ppp") {
		if did != strings.Replace(would[i], "would remove", "removed", 1) {
			t.Errorf("%q became %q", would[i], did)
		}
	}
}

// TestShared: the link that two systems need goes with the last of them.
func TestShared(t *testing.T) {
	h := host(t, oldHost)
	before := h.tree(t)
	h.adopt(t, "ifupdown", false)
	if said := h.adopt(t, "ppp", false); len(said) != 1 {
		t.Errorf("ppp: %q", said)
	}
	want := told{"left /usr/local/sbin/run-parts: the adoption of ppp needs it", "removed the record /etc/hookd/adopted/ifupdown"}
	if diff := cmp.Diff(want, h.undo(t, "ifupdown")); diff != "" {
		t.Error(diff)
	}
	h.undo(t, "ppp")
	if diff := cmp.Diff(before, h.tree(t)); diff != "" {
		t.Error(diff)
	}
}

// TestReplaced: scripts that hooks stand for run no more when nobody tells these anything, and that is said.
func TestReplaced(t *testing.T) {
	h := host(t, oldHost)
	h.adopt(t, "ifupdown", false)
	h.put(t, "/etc/hookd/imported/if-up.d/vpn.replaced -> /dev/null")
	said := strings.Join(h.undo(t, "ifupdown"), "\n")
	want := "nothing runs /etc/network/if-up.d/vpn any more, whose hook hears of nothing; to have it back: " +
		"mv /etc/hookd/imported/if-up.d/vpn.replaced /etc/network/if-up.d/vpn\n"
	if !strings.Contains(said, want) {
		t.Error(said)
	}
}

// TestForeign: what somebody else has put there stays, and is said.
func TestForeign(t *testing.T) {
	h := host(t, oldHost)
	h.adopt(t, "networkmanager", false)
	h.adopt(t, "dhclient", false)
	dir := "/etc/NetworkManager/dispatcher.d/"
	for _, path := range []string{dir + "hookd", dir + "pre-up.d/hookd", dir + "pre-down.d/hookd"} {
		os.Remove(h.at(path))
	}
	h.put(t, dir+"hookd mine")
	h.put(t, dir+"pre-up.d/hookd -> /bin/true")
	h.put(t, "/etc/dhcp/dhclient-exit-hooks.d/hookd edited")
	for _, st := range h.Look() {
		if (st.System == "dhclient" || st.System == "networkmanager") != (st.Trouble != "") {
			t.Errorf("%s: %s", st.System, st.Trouble)
		}
	}
	if _, err := h.Plan("networkmanager", false); err == nil {
		t.Error("it would be adopted over a file of somebody else")
	}
	want := told{dir + "pre-down.d/hookd is gone already",
		"left " + dir + "pre-up.d/hookd alone: it is a link to /bin/true, and not hookd's",
		"left " + dir + "hookd alone: it is a file of somebody else, and not hookd's",
		"removed the record /etc/hookd/adopted/networkmanager"}
	if diff := cmp.Diff(want, h.undo(t, "networkmanager")); diff != "" {
		t.Error(diff)
	}
	want = told{"left /etc/dhcp/dhclient-exit-hooks.d/hookd alone: it has another text, and not hookd's", "removed the record /etc/hookd/adopted/dhclient"}
	if diff := cmp.Diff(want, h.undo(t, "dhclient")); diff != "" {
		t.Error(diff)
	}
}

// TestRefused is every reason against an adoption; nothing was changed then.
func TestRefused(t *testing.T) {
	for _, test := range []struct {
		system        string
		links         bool
		without, with string
		want          string
	}{
		{"ifupdownn", false, "", "", "there is no system ifupdownn"},
		{"ifupdown", false, "/usr/sbin/ifup", "", "ifupdown is not here to be adopted: there is no /usr/sbin/ifup"},
		{"ifupdown", false, "/usr/lib/hookd/hookshim", "", "cannot adopt ifupdown: there is no /usr/lib/hookd/hookshim"},
		{"ifupdown", false, "", "/usr/local/sbin/run-parts mine", "cannot adopt ifupdown: /usr/local/sbin/run-parts is a file of somebody else, and not hookd's"},
		{"ifupdown", false, "", "/usr/local/sbin/run-parts -> /opt/run-parts", "cannot adopt ifupdown: /usr/local/sbin/run-parts is a link to /opt/run-parts, and not hookd's"},
		{"ifupdown", false, "", "/etc/network/if-up.d/hookd -> /usr/lib/hookd/hookshim", "cannot adopt ifupdown by path: /etc/network/if-up.d/hookd is a link to /usr/lib/hookd/hookshim, and both would run everything twice"},
		{"ifupdown", false, "", "/etc/network/if-up.d/aaa -> ../../../usr/lib/hookd/hookshim", "cannot adopt ifupdown by path: /etc/network/if-up.d/aaa is a link to ../../../usr/lib/hookd/hookshim, and both would run everything twice"},
		{"ifupdown", true, "", "/etc/network/if-up.d/aaa -> /opt/hookshim", "cannot adopt ifupdown by links: /etc/network/if-up.d/aaa is a link to /opt/hookshim, and both would run everything twice"},
		{"networkd-dispatcher", false, "", "/etc/networkd-dispatcher/off.d/x -> /usr/lib/hookd/hookshim", "cannot adopt networkd-dispatcher by mask: /etc/networkd-dispatcher/off.d/x is a link to /usr/lib/hookd/hookshim, and both would run everything twice"},
		{"ifupdown", true, "", "/etc/network/if-up.d/hookd/", "cannot adopt ifupdown: /etc/network/if-up.d/hookd is a directory, and not hookd's"},
		{"ifupdown", true, "", "/etc/hookd/adopted/ifupdown by path", "ifupdown is adopted by path already, and both would run everything twice: hookctl adopt --undo ifupdown comes first"},
		{"ifupdown", false, "", "/etc/hookd/adopted/ifupdown by links", "ifupdown is adopted by links already, and both would run everything twice: hookctl adopt --undo ifupdown comes first"},
		{"ifupdown", false, "", "/etc/hookd/adopted/ifupdown shell /x", `cannot read the record /etc/hookd/adopted/ifupdown: line 1: "shell /x" is no change`},
		{"ifupdown", false, "", "/etc/hookd/adopted/ifupdown link ../x y", "cannot read the record /etc/hookd/adopted/ifupdown: line 1: ../x cannot have been changed"},
		{"ppp", false, "/etc/ppp/ip-up", "/etc/ppp/ip-up own", "ppp is not here to be adopted: /etc/ppp/ip-up does not run the scripts of /etc/ppp/ip-up.d"},
		{"networkmanager", false, "/etc/NetworkManager/dispatcher.d/pre-up.d", "/etc/NetworkManager/dispatcher.d/pre-up.d -> /tmp", "cannot adopt networkmanager: /etc/NetworkManager/dispatcher.d/pre-up.d/hookd leads out of "},
		{"ifupdown", false, "/etc/hookd/adopted", "/etc/hookd/adopted -> /tmp", "cannot read the record of ifupdown: /etc/hookd/adopted/ifupdown leads out of "},
		{"networkd-dispatcher", true, "", "", "networkd-dispatcher has no directories for links: hookd takes its place"},
		{"networkd-dispatcher", false, "", "/etc/systemd/system/networkd-dispatcher.service unit", "cannot adopt networkd-dispatcher: /etc/systemd/system/networkd-dispatcher.service is a file of somebody else, and not hookd's"},
	} {
		h := host(t, oldHost)
		if test.without != "" {
			if err := os.Remove(h.at(test.without)); err != nil {
				t.Fatal(err)
			}
		}
		if test.with != "" {
			h.put(t, test.with)
		}
		before := h.tree(t)
		_, err := h.Plan(test.system, test.links)
		if err == nil || !strings.HasPrefix(strings.ReplaceAll(err.Error(), h.Root, ""), test.want) {
			t.Errorf("%s\n%v", test.want, err)
		}
		if diff := cmp.Diff(before, h.tree(t)); diff != "" {
			t.Error(diff)
		}
	}
}

// TestBelieved: a record that others may have written is no record, and none is written where they can write it.
func TestBelieved(t *testing.T) {
	h := host(t, oldHost)
	h.adopt(t, "ifupdown", false)
	before, open := h.tree(t), h.recordPath("ifupdown")
	h.Trusted = func(path string) error {
		if path == open {
			return fmt.Errorf("%s is open", strings.TrimPrefix(path, h.Root))
		}
		_, err := os.Lstat(path)
		return err
	}
	const said = "the record of ifupdown is not to be believed: /etc/hookd/adopted/ifupdown is open"
	_, planned := h.Plan("ifupdown", false)
	for _, err := range []error{planned, h.Undo("ifupdown", false, func(s string) { t.Error(s) })} {
		if err == nil || err.Error() != said {
			t.Error(err)
		}
	}
	if got := h.Look()[0]; got.Trouble != said || got.By != "record" {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff(before, h.tree(t)); diff != "" {
		t.Error(diff)
	}
	open = h.at("/etc/hookd")
	if err := os.RemoveAll(h.at(compat.Records)); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Plan("ifupdown", false); err == nil || err.Error() != "cannot adopt ifupdown: nobody would believe its record: /etc/hookd is open" {
		t.Error(err)
	}
}

// TestWithoutShim: that the program is gone is told of links and of what is sourced.
func TestWithoutShim(t *testing.T) {
	h := host(t, oldHost)
	h.adopt(t, "ifupdown", false)
	h.adopt(t, "dhclient", false)
	if err := os.Remove(h.at(shims[0])); err != nil {
		t.Fatal(err)
	}
	for i, path := range map[int]string{0: compat.RunParts, 2: "/etc/dhcp/dhclient-exit-hooks.d/hookd"} {
		want := path + " needs /usr/lib/hookd/hookshim, which is not there: no hook runs"
		if got := strings.ReplaceAll(string(h.Look()[i].Trouble), h.Root, ""); got != want {
			t.Error(got)
		}
	}
}

// TestFlavors tells the programs apart that are called ifup.
func TestFlavors(t *testing.T) {
	for _, test := range []struct {
		files, name, by string
		links           int
	}{
		{"/usr/sbin/ifup", "Debian's ifupdown", ByPath, 4},
		{"/usr/sbin/ifup\n/usr/sbin/ifup-ng -> ifupdown-ng\n/usr/sbin/ifupdown-ng", "Debian's ifupdown", ByPath, 4},
		{"/usr/sbin/ifup -> ifupdown\n/usr/sbin/ifupdown", "ifupdown-ng", ByLinks, 8},
		{"/sbin/ifup-ng -> ifupdown-ng\n/sbin/ifupdown-ng", "ifupdown-ng", ByLinks, 8},
		{"/usr/sbin/ifup -> /etc/alternatives/ifup\n/etc/alternatives/ifup -> ../../usr/sbin/ifupdown\n/usr/sbin/ifupdown", "ifupdown-ng", ByLinks, 8},
		{"/usr/sbin/ifup -> /usr/share/ifupdown2/__main__.py\n/usr/share/ifupdown2/__main__.py", "ifupdown2", ByLinks, 6},
		{"/sbin/ifup -> /bin/busybox\n/bin/busybox", "busybox", ByLinks, 4},
	} {
		h := host(t, test.files+"\n/usr/lib/hookd/hookshim\n/etc/network/")
		p, err := h.Plan("ifupdown", false)
		if err != nil {
			t.Fatal(err)
		}
		q, err := h.Plan("ifupdown", true)
		links := slices.DeleteFunc(q.Changes, func(c Change) bool { return c.Kind != Link })
		if err != nil || p.Flavor != test.name || p.Record.By != test.by || len(links) != test.links {
			t.Errorf("%s by %s with %d links, %v", p.Flavor, p.Record.By, len(links), err)
		}
	}
}

// TestCutOff: an adoption that was cut off anywhere can be undone, and gone on with.
func TestCutOff(t *testing.T) {
	h := host(t, oldHost)
	before := h.tree(t)
	p, err := h.Plan("ppp", true)
	if err != nil {
		t.Fatal(err)
	}
	all := p.Changes
	for n := range all {
		p.Changes = all[:n]
		if err := h.Carry(p, func(string) {}); err != nil {
			t.Fatal(err)
		}
		if n%2 == 0 {
			if said := h.adopt(t, "ppp", true); len(said) != len(all)-n {
				t.Errorf("cut off after %d: %q", n, said)
			}
		}
		h.undo(t, "ppp")
		if diff := cmp.Diff(before, h.tree(t)); diff != "" {
			t.Errorf("cut off after %d it leaves\n%s", n, diff)
		}
	}
}

// TestUnit: of a unit what ran is stopped and masked, and runs again; what somebody has masked before stays masked.
func TestUnit(t *testing.T) {
	h := host(t, oldHost)
	running, asked := true, []string{}
	h.Systemctl = func(args ...string) error {
		switch line := strings.Join(args, " "); {
		case args[0] == "--quiet" && !running:
			return fmt.Errorf("inactive")
		case args[0] != "--quiet":
			asked = append(asked, line)
			running = args[0] == "start" || running && args[0] != "stop"
		}
		return nil
	}
	h.adopt(t, "networkd-dispatcher", false)
	if again := h.adopt(t, "networkd-dispatcher", false); len(again) > 0 {
		t.Errorf("%q", again)
	}
	h.undo(t, "networkd-dispatcher")
	const unit = "networkd-dispatcher.service"
	want := []string{"stop " + unit, "daemon-reload", "daemon-reload", "start " + unit}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Error(diff)
	}
	asked, running = nil, false
	h.put(t, "/etc/systemd/system/"+unit+" -> /dev/null")
	if said := append(h.adopt(t, "networkd-dispatcher", false), h.undo(t, "networkd-dispatcher")...); len(said) != 2 || asked != nil {
		t.Errorf("%q %q", said, asked)
	}
}

// TestRecord is what stands in a record, and that it is read as it was written.
func TestRecord(t *testing.T) {
	r := Record{System: "dhclient", By: ByLinks, Changes: []Change{{Directory, "/a b", ""}, {File, "/x\"y", "two\nlines # \xff\n"},
		{Link, "/l", "-> x"}, {Mask, "a.service", ""}, {Stop, "a.service", ""}}}
	text := r.String()
	if !strings.HasPrefix(text, "# What hookctl adopt has made for dhclient. It is taken away with: hookctl adopt --undo dhclient\nby links\n") {
		t.Error(text)
	}
	again, err := parse("dhclient", text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&r, again); diff != "" {
		t.Error(diff)
	}
}

// B5: a link to hookshim that comes beside an adoption is told.
func TestB5LinkBeside(t *testing.T) {
	for _, links := range []bool{false, true} {
		h := host(t, oldHost)
		h.adopt(t, "ifupdown", links)
		if got := h.Look()[0]; got.Trouble != "" || got.By == "" {
			t.Fatalf("%+v", got)
		}
		h.put(t, "/opt/mine -> /usr/lib/hookd/hookshim")
		h.put(t, "/etc/network/if-down.d/aaa -> /opt/mine")
		want := h.at("/etc/network/if-down.d/aaa") + " is a link to /opt/mine beside the adoption, and does nothing"
		if got := h.Look()[0]; got.System != "ifupdown" || string(got.Trouble) != want {
			t.Errorf("%+v", got)
		}
	}
}
