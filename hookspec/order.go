package hookspec

import (
	"container/heap"
	"path"
	"slices"
)

// graph says for each hook of a list which ones come after it.
type graph [][]int

// edges makes the graph of hooks. The order that a hook with Reverse=yes declares is turned round for a teardown event.
func (s *Set) edges(hooks []*Hook, teardown bool) graph {
	g := make(graph, len(hooks))
	index := map[string]int{}
	for i, h := range hooks {
		index[h.Name] = i
		if old := h.oldName(); old != "" {
			index[old] = i
		}
	}
	last := -1
	for i, h := range hooks { // by name
		if h.legacy() {
			if last >= 0 {
				g[last] = append(g[last], i)
			}
			last = i
		}
	}
	for i, h := range hooks {
		if s.cut[h.Name] {
			continue
		}
		add := func(before, after int) {
			if teardown && h.Reverse {
				before, after = after, before
			}
			g[before] = append(g[before], after)
		}
		for _, j := range named(hooks, index, i, h.After, h.Requires) {
			add(j, i)
		}
		for _, j := range named(hooks, index, i, h.Before) {
			add(i, j)
		}
	}
	return g
}

// oldName is how others call an old script that has become a hook (hookctl import): as they called the script. Empty for others.
func (h *Hook) oldName() string {
	program, _ := h.Program()
	if h.Dialect == "" || program == "" {
		return ""
	}
	return scriptPrefix + path.Base(program)
}

// named lists which hooks other than the one at self are meant.
func named(hooks []*Hook, index map[string]int, self int, lists ...[]Ref) []int {
	var out []int
	for _, refs := range lists {
		for _, r := range refs {
			if r.Plain() {
				if j, there := index[r.Text()]; there && j != self {
					out = append(out, j)
				}
				continue
			}
			for j, h := range hooks {
				if old := h.oldName(); j != self && (r.Match(h.Name) || old != "" && r.Match(old)) {
					out = append(out, j)
				}
			}
		}
	}
	return out
}

// sorted returns the hooks in an order that the graph allows, the smallest index first where it leaves a choice. What
// lies on a cycle is left out.
func (g graph) sorted() []int {
	waiting := make([]int, len(g))
	for _, after := range g {
		for _, j := range after {
			waiting[j]++
		}
	}
	ready := &intHeap{}
	for i, n := range waiting {
		if n == 0 {
			heap.Push(ready, i)
		}
	}
	var out []int
	for ready.Len() > 0 {
		i := heap.Pop(ready).(int)
		out = append(out, i)
		for _, j := range g[i] {
			if waiting[j]--; waiting[j] == 0 {
				heap.Push(ready, j)
			}
		}
	}
	return out
}

// findCycle returns the members of one cycle in their order, nil when there is none.
func findCycle(g graph) []int {
	done := make([]bool, len(g))
	for _, i := range g.sorted() {
		done[i] = true
	}
	prev := make([]int, len(g)) // a predecessor that is itself not done
	for i, after := range g {
		for _, j := range after {
			if !done[i] {
				prev[j] = i
			}
		}
	}
	for start := range g {
		if !done[start] {
			return walkBack(prev, start)
		}
	}
	return nil
}

// walkBack follows predecessors until one comes again: every hook that is not done has one.
func walkBack(prev []int, at int) []int {
	seen := map[int]bool{}
	for !seen[at] {
		seen[at] = true
		at = prev[at]
	}
	first := at // the smallest index, so that a circle is always told the same way
	for i := prev[at]; i != at; i = prev[i] {
		first = min(first, i)
	}
	cycle := []int{first}
	for i := prev[first]; i != first; i = prev[i] {
		cycle = slices.Insert(cycle, 1, i)
	}
	return cycle
}

type intHeap []int

func (h intHeap) Len() int           { return len(h) }
func (h intHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h intHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *intHeap) Push(x any)        { *h = append(*h, x.(int)) }
func (h *intHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// Follows says whether a hook comes after another one, by what either of them says itself.
func (s *Set) Follows(h, o *Hook) bool {
	means := func(name string) func(Ref) bool { return func(r Ref) bool { return r.Match(name) } }
	says := !s.cut[h.Name] && (slices.ContainsFunc(h.After, means(o.Name)) || slices.ContainsFunc(h.Requires, means(o.Name)))
	return h.Name != o.Name && (says || !s.cut[o.Name] && slices.ContainsFunc(o.Before, means(h.Name)))
}
