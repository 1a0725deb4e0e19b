package hookspec

import (
	"slices"
	"strconv"
	"time"

	"hookd/internal/unitfile"
)

// key is one key of [Hook]: how its value is read, checked and kept.
type key struct {
	name  string
	list  bool // given again it appends; otherwise giving it twice in one file is a fault
	read  func(*parser, unitfile.Value)
	reset func(*Hook) // an empty value
	show  func(*Hook) []string
}

// scalar is a key with one value, read by read and kept where at points.
func scalar[T any](name string, at func(*Hook) *T, read func(*parser, unitfile.Value) (T, bool), show func(T) string) key {
	return key{
		name: name,
		read: func(p *parser, v unitfile.Value) {
			if t, ok := read(p, v); ok {
				*at(p.hook) = t
			}
		},
		reset: func(h *Hook) { *at(h) = *at(newHook("", "")) },
		show: func(h *Hook) []string {
			if text := show(*at(h)); text != show(*at(newHook("", ""))) {
				return []string{text}
			}
			return nil
		},
	}
}

// list is a key that may be given again, each time with any number of values; show makes the lines of all of them.
func list[T any](name string, at func(*Hook) *[]T, read func(*parser, unitfile.Value) ([]T, bool), show func([]T) []string) key {
	return key{
		name: name, list: true,
		read: func(p *parser, v unitfile.Value) {
			if t, ok := read(p, v); ok {
				*at(p.hook) = append(*at(p.hook), t...)
			}
		},
		reset: func(h *Hook) { *at(h) = nil },
		show:  func(h *Hook) []string { return show(*at(h)) },
	}
}

// keys are all keys of [Hook], in the order of the manual and of the canonical text.
func keys() []key {
	return slices.Concat(what(), conditions(), how())
}

// what are the keys that say for which events a hook is, and in which order.
func what() []key {
	return []key{
		scalar("Format", func(h *Hook) *string { return &h.format }, enum("1"), same),
		scalar("Description", func(h *Hook) *string { return &h.Description }, (*parser).text, same),
		list("Documentation", func(h *Hook) *[]string { return &h.Docs }, (*parser).words, oneLine),
		list("On", func(h *Hook) *[]Trigger { return &h.On }, (*parser).trigger, eachOnLine[Trigger]),
		list("While", func(h *Hook) *[]State { return &h.While }, (*parser).state, eachOnLine[State]),
		list("StopOn", func(h *Hook) *[]Trigger { return &h.StopOn }, (*parser).trigger, eachOnLine[Trigger]),
		list("After", func(h *Hook) *[]Ref { return &h.After }, (*parser).refs, showRefs),
		list("Before", func(h *Hook) *[]Ref { return &h.Before }, (*parser).refs, showRefs),
		scalar("Reverse", func(h *Hook) *bool { return &h.Reverse }, (*parser).boolean, yesNo),
		list("Requires", func(h *Hook) *[]Ref { return &h.Requires }, (*parser).names, showRefs),
		list("Parameter", func(h *Hook) *[]Parameter { return &h.Parameters }, (*parser).parameter, eachOnLine[Parameter]),
	}
}

// how are the keys that say what a hook runs.
func how() []key {
	return []key{
		scalar("Instance", func(h *Hook) *Template { return &h.Instance }, (*parser).template, Template.String),
		scalar("Type", func(h *Hook) *bool { return &h.Service }, (*parser).hookType, showType),
		scalar("Exec", func(h *Hook) *[]Arg { return &h.Exec }, (*parser).exec, showArgs),
		scalar("Unit", func(h *Hook) *Template { return &h.Unit }, (*parser).unit, Template.String),
		scalar("Input", func(h *Hook) *bool { return &h.JSON }, (*parser).input, showInput),
		scalar("Timeout", func(h *Hook) *time.Duration { return &h.Timeout }, (*parser).timeout, showTimeout),
		scalar("KillAfter", func(h *Hook) *time.Duration { return &h.KillAfter }, (*parser).duration, formatDuration),
		scalar("Failure", func(h *Hook) *bool { return &h.Abort }, (*parser).failure, showFailure),
		scalar("Retry", func(h *Hook) *int { return &h.Retry }, (*parser).count, strconv.Itoa),
		scalar("RetryDelay", func(h *Hook) *time.Duration { return &h.RetryDelay }, (*parser).duration, formatDuration),
		whenBusy(),
		scalar("Settle", func(h *Hook) *time.Duration { return &h.Settle }, (*parser).duration, formatDuration),
		scalar("RateLimit", func(h *Hook) *Rate { return &h.RateLimit }, (*parser).rate, Rate.String),
		scalar("OnStart", func(h *Hook) *bool { return &h.SkipStart }, (*parser).onStart, showOnStart),
		scalar("User", func(h *Hook) **Account { return &h.User }, (*parser).user, showAccount),
		scalar("Group", func(h *Hook) **Account { return &h.Group }, (*parser).group, showAccount),
		scalar("WorkingDirectory", func(h *Hook) *string { return &h.Dir }, (*parser).directory, same),
		scalar("Dialect", func(h *Hook) *string { return &h.Dialect }, (*parser).dialect, same),
		list("Environment", func(h *Hook) *[]Variable { return &h.Environment }, (*parser).environment, showEnvironment),
	}
}

// whenBusy has a default of its own for each type of hook, which finish sets.
func whenBusy() key {
	k := scalar("WhenBusy", func(h *Hook) *string { return &h.WhenBusy },
		enum(BusyQueue, BusyReplace, BusyMerge, BusyParallel, BusyKeep, BusyRestart), same)
	k.show = func(h *Hook) []string {
		if h.WhenBusy == h.defaultBusy() {
			return nil
		}
		return []string{h.WhenBusy}
	}
	return k
}

func (h *Hook) defaultBusy() string {
	if h.Service {
		return BusyKeep
	}
	return BusyQueue
}

// KeyNames lists the keys of [Hook].
func KeyNames() []string {
	var names []string
	for _, k := range keys() {
		names = append(names, k.name)
	}
	return names
}
