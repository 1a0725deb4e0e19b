package networkd

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf16"

	"hookd/events"
)

// maxValue bounds a parameter: one variable of an environment holds 128 KiB (execve(2)), and a program with a larger one does
// not start.
const maxValue = 96 << 10

// events adds details to what is to be told. Networkctl is asked only about what somebody hears of.
func (s *Source) events(ctx context.Context, all []said, asked func(string) bool, now time.Time) []events.Event {
	var about []int
	for _, e := range all {
		if !e.gone && asked("networkd."+e.state) {
			about = append(about, e.index)
		}
	}
	slices.Sort(about)
	var answers map[int]fields
	if s.files.running {
		answers = s.status.ask(ctx, slices.Compact(about), now)
	}
	kernel := sync.OnceValue(addresses)
	var out []events.Event
	for _, e := range all {
		if e.gone {
			out = append(out, e.event(nil, nil))
			continue
		}
		out = append(out, e.event(answers[e.index], func() []string { return kernel()[e.index] }))
	}
	return out
}

// event makes the event. What networkctl does not say of addresses the kernel says.
func (e said) event(answer fields, kernel func() []string) events.Event {
	addrs := answer["Address"]
	if answer == nil && kernel != nil {
		addrs = kernel()
	}
	v4, v6 := sorted(addrs)
	first := ""
	if len(addrs) > 0 {
		first = addrs[0]
	}
	essid := e.essid(answer)
	out, err := events.New("networkd."+e.state, []events.Param{
		{Key: "interface", Value: e.name}, {Key: "state", Value: e.state}, {Key: "administrative-state", Value: e.admin},
		{Key: "operational-state", Value: e.oper}, {Key: "addr", Value: plain(first)}, {Key: "ip-addrs", Value: joined(v4)},
		{Key: "ip6-addrs", Value: joined(v6)}, {Key: "essid", Value: plain(essid)}, {Key: "json", Value: e.json(answer, essid)}})
	if err != nil {
		panic(fmt.Sprintf("an event of networkd that is none: %v", err)) // its state is one of a list, and no value holds a NUL
	}
	out.Source, out.Time = e.source, e.time
	return out
}

// addresses are those of all interfaces as the kernel has them, by index: one question however many interfaces there are
// (rtnetlink(7), RTM_GETADDR).
func addresses() map[int][]string {
	out := map[int][]string{}
	answer, err := syscall.NetlinkRIB(syscall.RTM_GETADDR, syscall.AF_UNSPEC)
	if err != nil {
		return out
	}
	messages, _ := syscall.ParseNetlinkMessage(answer)
	for _, m := range messages {
		if m.Header.Type != syscall.RTM_NEWADDR || len(m.Data) < syscall.SizeofIfAddrmsg {
			continue
		}
		index := int(binary.NativeEndian.Uint32(m.Data[4:]))
		if ip := ownAddress(m); ip != nil {
			out[index] = append(out[index], ip.String())
		}
	}
	return out
}

// ownAddress is the address of a message; on a point-to-point link IFA_ADDRESS is the far end's, and IFA_LOCAL ours.
func ownAddress(m syscall.NetlinkMessage) net.IP {
	attributes, _ := syscall.ParseNetlinkRouteAttr(&m)
	var ip net.IP
	for _, a := range attributes {
		if a.Attr.Type == syscall.IFA_LOCAL || a.Attr.Type == syscall.IFA_ADDRESS && ip == nil {
			ip = net.IP(a.Value)
		}
	}
	return ip
}

// sorted splits addresses by family, without the host's own and those of the link, as networkd-dispatcher does.
func sorted(addrs []string) (v4, v6 []string) {
	for _, a := range addrs {
		switch {
		case strings.HasPrefix(a, "127.") || strings.HasPrefix(a, "fe80:"):
		case strings.Contains(a, ":"):
			v6 = append(v6, a)
		case strings.Contains(a, "."):
			v4 = append(v4, a)
		}
	}
	return v4, v6
}

// joined writes as many addresses as a variable holds.
func joined(addrs []string) string {
	text := strings.ReplaceAll(strings.Join(addrs, " "), "\x00", "")
	if len(text) <= maxValue {
		return text
	}
	return text[:strings.LastIndexByte(text[:maxValue], ' ')]
}

// plain drops what no environment can hold.
func plain(s string) string {
	s = strings.ReplaceAll(s, "\x00", "")
	return s[:min(len(s), maxValue)]
}

// essid is the name of the wireless network; networkctl says it with the address of the access point.
func (e said) essid(answer fields) string {
	if kindOf(answer, e.kind) != "wlan" {
		return ""
	}
	for _, key := range []string{"Wi-Fi access point", "WiFi access point"} {
		for _, v := range answer[key] {
			if at := strings.LastIndex(v, " ("); at >= 0 {
				return v[:at]
			}
		}
	}
	return ""
}

func kindOf(answer fields, kind string) string {
	if types := answer["Type"]; len(types) > 0 {
		return types[len(types)-1]
	}
	return kind
}

// json writes what networkd-dispatcher knows of an interface as it writes it: the keys sorted, letters beyond ASCII escaped,
// and lists for all that networkctl says but for the type.
func (e said) json(answer fields, essid string) string {
	values := map[string]string{"OperationalState": quote(e.oper), "AdministrativeState": quote(e.admin), "InterfaceName": quote(e.name),
		"Type": quote(kindOf(answer, e.kind)), "State": quote(e.oper + " (" + e.admin + ")")}
	if kindOf(answer, e.kind) == "wlan" {
		values["ESSID"] = quote(essid)
	}
	for key, several := range answer {
		if _, there := values[key]; !there {
			values[key] = list(several)
		}
	}
	var items []string
	for _, key := range slices.Sorted(maps.Keys(values)) {
		items = append(items, quote(key)+": "+values[key])
	}
	if text := "{" + strings.Join(items, ", ") + "}"; len(text) <= maxValue || answer == nil {
		return text
	}
	return e.json(nil, essid)
}

func list(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(v)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// quote writes a string of JSON in ASCII.
func quote(s string) string {
	short := map[rune]string{'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\f': `\f`, '\b': `\b`}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s { // what is no UTF-8 becomes U+FFFD
		switch escaped, has := short[r]; {
		case has:
			b.WriteString(escaped)
		case r >= ' ' && r <= '~':
			b.WriteRune(r)
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		}
	}
	return b.String() + `"`
}
