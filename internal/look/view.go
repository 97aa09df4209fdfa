package look

import (
	"iter"
	"time"

	"github.com/heddle-go/heddle/internal/prefetch"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Views returns an iterator over the views of the tasks in chunks that have not ended.
func Views(chunks iter.Seq[[]rt.Task]) iter.Seq[View] {
	return func(yield func(View) bool) {
		for ds := range chunks {
			warm(ds)
			for i := range ds {
				if v, ok := Of(&ds[i]); ok && !yield(v) {
					return
				}
			}
		}
	}
}

// warm requests the memory that Of reads of the tasks of a chunk. If there are a million tasks,
// nearly all of it is in main memory, in half a dozen lines for each task, and Of alone would wait
// for one line after the other. With warm the processor fetches those of many tasks at once.
func warm(ds []rt.Task) {
	for i := range ds {
		if f := ds[i].Fib(); f != nil {
			prefetch.Of(&f.Since)
		}
		if x := ds[i].Extra(); x != nil {
			prefetch.Of(x)
			prefetch.Of(&x.Look)
		}
	}
	for i := range ds {
		if x := ds[i].Extra(); x != nil && x.Look != nil {
			prefetch.Of(x.Look)
			prefetch.Of(&x.Look.Runs)
			prefetch.Of(&x.Look.Stacks) // behind the last field that Of reads
		}
	}
}

// A View is what a reader has seen of a task at one moment.
type View struct {
	Task      *rt.Task
	Gen       uint32
	Name      string
	State     rt.State
	Level     rt.Level
	Worker    int           // -1 before the task first runs
	Reason    rt.WaitReason // if waiting
	since     uint32        // in milliseconds of now, if timed
	timed     bool
	StartedBy rt.Handle
	Look      *rt.Look // or nil
	Wait      rt.Wait  // if waiting, and Look is not nil
	Holder    rt.Handle
	Runs      uint64 // dispatches, if Look is not nil
	Ran       rt.RunTime
}

// Of reads the task of descriptor d until two readings of its status agree, so that what Of
// has read in between belongs together. If the task changes all the time, Of returns the last
// reading. ok is false if no task uses d.
func Of(d *rt.Task) (v View, ok bool) {
	const tries = 8
	for range tries {
		st := d.Status()
		if !st.InUse() {
			return v, false
		}
		v = View{
			Task: d, Gen: st.Gen(), Name: d.Name(st.Gen()), Level: st.Level(),
			State: d.State(), Reason: st.WaitReason(), Worker: -1,
		}
		f := d.Fib() // nil before the task first runs, and while it runs on its first worker
		if w := d.Worker(); w.Host != nil && (f != nil || v.State != rt.Runnable) {
			v.Worker = w.At // otherwise w may be from the task that d served before
		}
		if v.State == rt.Waiting && f != nil {
			v.since, v.timed = f.Since.Load(), true
		}
		if x := d.Extra(); x != nil {
			if x.Stolen { // otherwise the task itself may set Owner meanwhile
				v.StartedBy = (*rt.Life)(x.Owner.(*task.Ctx)).Handle()
			}
			if x.Look != nil {
				v.readLook(x.Look)
			}
		}
		if d.Status() == st {
			break
		}
	}
	return v, v.State != rt.Done
}

// readLook reads what the task has noted.
func (v *View) readLook(k *rt.Look) {
	v.Look, v.StartedBy = k, k.Starter
	v.Runs, v.Ran = k.Runs.Load()
	if v.State != rt.Waiting {
		return
	}
	if v.Wait = k.Wait(); v.Wait.At.Holder != nil {
		v.Holder = v.Wait.At.Holder.Holder()
	}
}

// Waited returns how long the task had waited at the time now.
func (v *View) Waited(now int64) time.Duration {
	if !v.timed {
		return 0
	}
	ms := int32(uint32(now/int64(time.Millisecond)) - v.since) // mod 2^32
	return time.Duration(max(0, ms)) * time.Millisecond
}
