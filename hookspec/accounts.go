package hookspec

import (
	"fmt"
	"hookd/events"
	"hookd/internal/unitfile"
	"os/user"
	"strconv"
	"strings"
)

// Host looks users and groups up in the host's own files.
type Host struct{}

// User finds a user by name or number.
func (Host) User(name string) (Account, error) {
	if isNumber(name) { // first: a C library takes 4294967296 for 0
		if _, err := parseID(name); err != nil {
			return Account{}, fmt.Errorf("unknown user %q", name)
		}
	}
	u, err := user.Lookup(name)
	if isNumber(name) {
		u, err = user.LookupId(name)
	}
	if err != nil || u.Username == "" || strings.ContainsAny(name, " \t/") {
		return Account{}, fmt.Errorf("unknown user %q", name)
	}
	a := Account{Name: name}
	if a.ID, err = parseID(u.Uid); err != nil {
		return a, err
	}
	if a.GID, err = parseID(u.Gid); err != nil {
		return a, err
	}
	groups, err := u.GroupIds()
	for _, g := range groups {
		id, idErr := parseID(g)
		if idErr != nil {
			return a, idErr
		}
		a.Groups = append(a.Groups, id)
	}
	return a, err
}

// Group finds a group by name or number.
func (Host) Group(name string) (Account, error) {
	if isNumber(name) {
		if _, err := parseID(name); err != nil {
			return Account{}, fmt.Errorf("unknown group %q", name)
		}
	}
	g, err := user.LookupGroup(name)
	if isNumber(name) {
		g, err = user.LookupGroupId(name)
	}
	if err != nil {
		return Account{}, fmt.Errorf("unknown group %q", name)
	}
	id, err := parseID(g.Gid)
	return Account{Name: name, ID: id}, err
}

func isNumber(s string) bool { return strings.Trim(s, "0123456789") == "" }

// parseID refuses the number that means "nobody in particular" to the kernel (setresuid(2)).
func parseID(s string) (uint32, error) {
	id, err := strconv.ParseUint(s, 10, 32)
	if err != nil || id == 1<<32-1 {
		return 0, fmt.Errorf("%q is no id", s)
	}
	return uint32(id), nil
}

func (p *parser) user(v unitfile.Value) (*Account, bool) {
	return p.account(v, "user", p.opt.Accounts.User)
}

func (p *parser) group(v unitfile.Value) (*Account, bool) {
	return p.account(v, "group", p.opt.Accounts.Group)
}

// nobody is an id that no process can have (setresuid(2)).
const nobody = 1<<32 - 1

// account never falls back to anybody: an unknown user is a fault (failures: S12).
func (p *parser) account(v unitfile.Value, what string, lookup func(string) (Account, error)) (*Account, bool) {
	a, err := lookup(v.Text)
	if err != nil {
		p.at(v, 0, "", "unknown %s %s", what, events.Show(v.Text))
		p.faults[len(p.faults)-1].Doubt = p.opt.Lenient
		return &Account{Name: v.Text, ID: nobody}, p.opt.Lenient
	}
	return &a, true
}
