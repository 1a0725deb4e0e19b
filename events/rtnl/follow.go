package rtnl

import (
	"cmp"
	"slices"

	"hookd/events"
)

// followed are the objects of one kind that hooks hear of only while one of them asks for it: in one table what is there and
// what was told. The kernel may have several objects with one key.
type followed[K comparable, V value[V]] struct {
	kind[K, V]
	objects map[K][]object[V]
	touched []K    // keys of objects of which something may have to be told
	opening bool   // what was there at the begin is not known yet, and nothing is told before
	origin  string // source of the events that come of that; empty for that of all others
}

// kind says how objects of one kind are told.
type kind[K comparable, V value[V]] struct {
	family  string // of their events
	subject func(K) string
	index   func(K, V) int                              // of the interface; 0 for none
	params  func(k K, v V, iface string) []events.Param // empty ones are left out
}

// value is what an object has besides its key.
type value[V any] interface {
	comparable
	shown() V        // without what no parameter tells
	replaces(V) bool // whether the kernel takes the other one with that key away when it puts this one in its place
}

type object[V comparable] struct {
	value V
	iface string // the name of its interface when it was told
	gen   int    // of the dump that it was last seen in or after
	there bool
	told  bool
	noted bool // its key is among the touched ones
}

func (o object[V]) isThere() bool { return o.there }
func (o object[V]) wasTold() bool { return o.told }

// begin follows a kind of objects, some of which may have been told by an earlier hookd.
func begin[K comparable, V value[V]](k kind[K, V], past map[K][]object[V]) *followed[K, V] {
	f := &followed[K, V]{kind: k, objects: past, opening: true, origin: events.SourceResync}
	if len(past) == 0 {
		f.objects, f.origin = map[K][]object[V]{}, events.SourceStart
	}
	return f
}

func (f *followed[K, V]) opens() bool { return f != nil && f.opening }

// remembered is an object that an earlier hookd told of: it is there until a dump does not show it.
func remembered[V comparable](v V, iface string) object[V] {
	return object[V]{value: v, iface: iface, there: true, told: true}
}

// others counts the objects that one in their place would replace.
func (f *followed[K, V]) others(k K, v V) int {
	n := 0
	for _, o := range f.objects[k] {
		if o.there && o.value != v && v.replaces(o.value) {
			n++
		}
	}
	return n
}

func (f *followed[K, V]) has(k K, v V) bool {
	return slices.ContainsFunc(f.objects[k], func(o object[V]) bool { return o.there && o.value == v })
}

// put takes in that an object is there, in the place of others if that is so.
func (f *followed[K, V]) put(k K, v V, gen int, replace bool) {
	i := slices.IndexFunc(f.objects[k], func(o object[V]) bool { return o.value == v })
	if replace {
		f.drop(k, func(o object[V]) bool { return o.value != v && v.replaces(o.value) })
	}
	if i < 0 {
		i = len(f.objects[k])
		f.objects[k] = append(f.objects[k], object[V]{value: v})
	}
	if o := &f.objects[k][i]; !o.there {
		o.there = true
		f.note(k, o)
	}
	f.objects[k][i].gen = gen
}

// drop takes in that objects of a key are gone, and says whether there were any.
func (f *followed[K, V]) drop(k K, which func(object[V]) bool) bool {
	found := false
	for i := range f.objects[k] {
		if o := &f.objects[k][i]; o.there && which(*o) {
			o.there, found = false, true
			f.note(k, o)
		}
	}
	return found
}

// sweep drops what a finished dump did not show of the keys that it was about.
func (f *followed[K, V]) sweep(gen int, about func(K) bool) {
	for k := range f.objects {
		if about(k) {
			f.drop(k, func(o object[V]) bool { return o.gen < gen })
		}
	}
}

// ready says whether differences may be told. While a dump is under way they may not: what has come may show itself before it
// is known what is gone.
func (f *followed[K, V]) ready(dumping bool) bool { return f != nil && !f.opening && !dumping }

func (f *followed[K, V]) note(k K, o *object[V]) {
	if !slices.ContainsFunc(f.objects[k], func(o object[V]) bool { return o.noted }) {
		f.touched = append(f.touched, k)
	}
	o.noted = true
}

// settle makes told what is there. It lists what is gone, by the names that interfaces had before, and what has come, by those
// they have now. Objects that no parameter tells apart are one.
func (f *followed[K, V]) settle(before, now func(index int) string) (gone, come []events.Event) {
	for _, k := range f.touched {
		list := f.objects[k]
		for _, o := range difference(list, object[V].wasTold, object[V].isThere) {
			gone = append(gone, f.event("removed", k, o.value, cmp.Or(before(f.index(k, o.value)), o.iface)))
		}
		for _, o := range difference(list, object[V].isThere, object[V].wasTold) {
			come = append(come, f.event("added", k, o.value, now(f.index(k, o.value))))
		}
		f.settled(k, list, now)
	}
	f.touched, f.origin = nil, ""
	return gone, come
}

// difference lists the objects of one set, each look of them once, whose look no object of the other set has.
func difference[V value[V]](list []object[V], in, notIn func(object[V]) bool) []object[V] {
	var out []object[V]
	for i, o := range list {
		looks := func(of func(object[V]) bool) func(object[V]) bool {
			return func(other object[V]) bool { return of(other) && other.value.shown() == o.value.shown() }
		}
		if in(o) && !slices.ContainsFunc(list[:i], looks(in)) && !slices.ContainsFunc(list, looks(notIn)) {
			out = append(out, o)
		}
	}
	return out
}

func (f *followed[K, V]) settled(k K, list []object[V], now func(index int) string) {
	list = slices.DeleteFunc(list, func(o object[V]) bool { return !o.there })
	for i := range list {
		o := &list[i]
		o.noted = false
		if !o.told {
			o.told, o.iface = true, now(f.index(k, o.value))
		}
	}
	if f.objects[k] = list; len(list) == 0 {
		delete(f.objects, k)
	}
}

func (f *followed[K, V]) event(word string, k K, v V, iface string) events.Event {
	return events.Event{Name: f.family + "." + word, Subject: f.family + "/" + f.subject(k), Params: given(f.params(k, v, iface)),
		Source: f.origin}
}
