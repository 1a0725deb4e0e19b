package hookctl

import (
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"hookd/hookspec"
)

// still is a host that does not change: hooks by directory, "" for those of hookd, and interfaces.
type still struct {
	dirs  map[string]map[string]string // name: text behind [Hook]
	links []string
}

func (s still) hooks(dirs []string) []*hookspec.Hook {
	if len(dirs) == 0 {
		dirs = []string{""}
	}
	var hooks []*hookspec.Hook
	for _, dir := range dirs {
		for name, text := range s.dirs[dir] {
			source := hookspec.Source{Path: name, Text: "[Hook]\nExec=/bin/true\n" + text}
			h, _ := hookspec.Parse(name, []hookspec.Source{source}, hookspec.Options{})
			hooks = append(hooks, h)
		}
	}
	return hookspec.NewSet(hooks).Hooks
}

func (s still) interfaces() []string { return s.links }

var host = still{
	dirs: map[string]map[string]string{
		"": {
			"greet": "Description=Greet\nOn=user.hello x=1\nOn=user.hello x=2\nOn=link.up\n",
			"any":   "On=user.*\nOn=user.b[ay]e\n",
			"vpn":   "On=interface.state to=routable\n",
		},
		"d":  {"own": "On=user.own\n"},
		"d2": {"two": "On=user.own\n"},
	},
	links: []string{"lo", "eth0", "eth1", "$(id)", "a*b", `a\b`, "a=b"},
}

const networkd = "missing off no-carrier dormant degraded-carrier carrier degraded enslaved routable"

// each writes something before every word of a text.
func each(before, words string) string {
	return before + strings.Join(strings.Fields(words), " "+before)
}

// TestComplete completes the last word of each line; it is empty behind a space.
func TestComplete(t *testing.T) {
	var commandNames string
	for _, c := range (&app{}).build().Commands {
		commandNames += c.Name + " "
	}
	commandNames += "help"
	for line, want := range map[string]string{
		"":                             commandNames,
		"e":                            "events emit",
		"x":                            "",
		"hel":                          "help",
		"--":                           "--socket --hooks --policy --json --no-color --help",
		"--json --":                    "--socket --hooks --policy --no-color --help",
		"--h":                          "--hooks --help",
		"nosuch ":                      "",
		"--nosuch ":                    "",
		"list ":                        "",
		"list --":                      "--all --root --hooks --policy --json --no-color --help",
		"list -":                       "--all --root --hooks --policy --json --no-color --help",
		"list --all --":                "--root --hooks --policy --json --no-color --help",
		"import ":                      ":files",
		"import --":                    "--dry-run --replace --to --root --json --no-color --help",
		"import --to ":                 ":dirs",
		"list --nosuch":                "",
		"list -- --":                   "",
		"-- ":                          commandNames,
		"-- --":                        "",
		"adopt ":                       "ifupdown ppp dhclient networkmanager networkd-dispatcher system-sleep",
		"adopt --undo ifupdown p":      "ppp",
		"adopt ppp p":                  "",
		"adopt --root ":                anyDir,
		"adopt --":                     "--undo --all --dry-run --links --root --socket --json --no-color --help",
		"status --":                    "--socket --json --no-color --help",
		"new --":                       "--json --no-color --help",
		"new ":                         "",
		"help --":                      "--no-color --help",
		"completion --":                "--help",
		"list --hooks d --hooks x --h": "--hooks --help",

		// Values of flags, behind them or in the same word.
		"--hooks ":                   anyDir,
		"--hooks d":                  anyDir,
		"--hooks=":                   anyDir,
		"list --hooks=d":             anyDir,
		"--policy ":                  anyDir,
		"--socket ":                  anyFile,
		"emit --socket=/r":           anyFile,
		"--json=":                    "",
		"--nosuch=":                  "",
		"list --socket=":             "",
		"--hooks -- ":                commandNames,
		"--hooks list ":              commandNames,
		"--hooks d show ":            "own",
		"show --hooks=d ":            "own",
		"show --hooks d --hooks=d2 ": "own two",

		"history --":             "--hook --event --result --since --socket --json --no-color --help",
		"history --hook ":        "any greet vpn",
		"history --hook=v":       "--hook=vpn",
		"history --event link.u": "link.up",
		"history --result ":      "done failed timeout canceled skipped limited interrupted",
		"history --result=ti":    "--result=timeout",
		"history ":               "",
		"history --since ":       "",

		// Arguments.
		"show ":                 "any greet vpn",
		"show g":                "greet",
		"show greet ":           "",
		"show -- v":             "vpn",
		"check ":                anyFile,
		"check a b":             anyFile,
		"check -- -":            anyFile,
		"help ":                 commandNames,
		"h sh":                  "show",
		"help list ":            "",
		"completion ":           "bash zsh fish",
		"completion z":          "zsh",
		"completion bash ":      "",
		"events network.":       "network.online network.offline",
		"events us":             "user.* user.hello",
		"events link.up ":       "",
		"--help emit network.o": "network.online network.offline",

		// Events.
		"emit link.":              "link.added link.removed link.renamed link.up link.down link.changed",
		"emit us":                 "user.hello",
		"test us":                 "user.hello",
		"test --hooks d us":       "user.own",
		"test us --hooks d":       anyDir,
		"watch us":                "user.* user.hello",
		"watch -- hookd.l":        "hookd.lost",
		"emit --wait --dry-run -": "--socket --json --no-color --help",

		// Parameters.
		"emit link.up ":                "interface= index= type= kind= mac= mtu= master= alias=",
		"emit link.up m":               "mac= mtu= master=",
		"emit link.up mtu=1 --wait m":  "mac= master=",
		"emit link.up mtu=1 mac= m":    "master=",
		"emit nosuch.event ":           "",
		"emit link.* ":                 "",
		"emit network.online ":         "",
		"emit user.hello ":             "",
		"emit -- link.up -":            "",
		"test default-route.changed o": "old-interface= old-gateway= old-metric=",
		"watch link.up a":              "alias= alias!=",
		"watch link.up mac=x mtu!=1 m": "mtu= master= mac!= master!=",
		"watch link.* al":              "alias= alias!=",
		"watch *.added fam":            "family= family!=",
		"watch nosuch.* ":              "",

		// Values.
		"emit link.up interface=":           each("interface=", `lo eth0 eth1 $(id) a*b a\b a=b`),
		"emit link.up interface=et":         each("interface=", "eth0 eth1"),
		"emit link.up interface=$(":         "interface=$(id)",
		"emit link.up interface=a=":         "interface=a=b",
		"emit link.up interface!=":          "",
		"emit link.up master=e":             each("master=", "eth0 eth1"),
		"emit link.up alias=":               "",
		"emit link.up nosuch=":              "",
		"emit link.up hook=":                "",
		"emit user.x interface=e":           each("interface=", "eth0 eth1"),
		"emit link.renamed old-interface=l": "old-interface=lo",
		"emit interface.state to=":          each("to=", networkd),
		"emit interface.state from=de":      each("from=", "degraded-carrier degraded"),
		"emit address.added family=":        each("family=", "ipv4 ipv6"),
		"emit hook.failed result=d":         "result=done",
		"emit hook.failed hook=":            each("hook=", "any greet vpn"),
		"emit hook.failed event=network.":   each("event=", "network.online network.offline"),
		"test --hooks d hook.failed hook=":  "hook=own",
		"watch interface.state to!=r":       "to!=routable",
		"watch link.* interface!=e":         each("interface!=", "eth0 eth1"),
		"watch link.up interface=a":         each("interface=", `a\*b a\\b a=b`),
		"watch * family=":                   each("family=", "ipv4 ipv6"),
	} {
		compare(t, (&app{}).build(), line, want)
	}
	if got := complete(nil, (&app{}).build(), host); got != nil {
		t.Errorf("no words at all: %v", got)
	}
}

func compare(t *testing.T, app *cli.App, line, want string) {
	t.Helper()
	var got []string
	for _, o := range complete(strings.Split(line, " "), app, host) {
		got = append(got, o.word)
	}
	if strings.Join(got, " ") != want {
		t.Errorf("%q\n got %s\nwant %s", line, strings.Join(got, " "), want)
	}
}

// TestCompleteNewCommand adds a command and a global flag to the tables: completion knows them from there.
func TestCompleteNewCommand(t *testing.T) {
	app := (&app{}).build()
	app.Flags = append(app.Flags, &cli.StringFlag{Name: "root", Usage: "below `DIR`"})
	journal := &cli.Command{Name: "journal", ArgsUsage: "[EVENT [key=glob…]]", Flags: []cli.Flag{
		&cli.StringFlag{Name: "hook"}, &cli.StringFlag{Name: "event"}, &cli.StringFlag{Name: "from", Usage: "a `FILE`"},
		&cli.BoolFlag{Name: "inner", Hidden: true},
	}}
	app.Commands = append(app.Commands, journal, &cli.Command{Name: "hidden", Hidden: true})
	for line, want := range map[string]string{
		"j":                      "journal",
		"hi":                     "history",
		"--ro":                   "--root",
		"--root=":                anyDir,
		"journal --":             "--hook --event --from --help",
		"journal --hook ":        "any greet vpn",
		"journal --event=link.u": "--event=link.up",
		"journal --from ":        anyFile,
		"journal network.o":      "network.online network.offline",
		"journal link.up mt":     "mtu= mtu!=",
	} {
		compare(t, app, line, want)
	}
}

// TestAnswer: what a terminal cannot show is left out, word or meaning.
func TestAnswer(t *testing.T) {
	got := answer([]offer{
		{"a", "one"}, {"b", ""}, {"c\x1b[31m", "x"}, {"d\n", "x"}, {"\xff\xfe", "x"}, {"e\u202ee", "x"},
		{"f\x7f", "x"}, {"g\th", "x"}, {"h", "a\nb"}, {"é ü", "größer"},
	})
	if want := "a\tone\nb\nh\né ü\tgrößer\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
