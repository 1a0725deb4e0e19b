package hookspec

import "testing"

// TestS12Numbers refuses numbers that no user has. A C library asked for 2^32 would see 0.
func TestS12Numbers(t *testing.T) {
	for _, name := range []string{"4294967296", "18446744073709551616", "4294967295", "8589934592", "-1", "+0", "0x0", " 0", "0 ", ""} {
		if a, err := (Host{}).User(name); err == nil {
			t.Errorf("user %q is %+v", name, a)
		}
		if a, err := (Host{}).Group(name); err == nil {
			t.Errorf("group %q is %+v", name, a)
		}
	}
	if a, err := (Host{}).User("0"); err != nil || a.ID != 0 {
		t.Errorf("user 0: %+v, %v", a, err)
	}
}
