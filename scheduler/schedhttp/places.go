package schedhttp

import "net/http"

// A PlaceList is the answer of api/v1/places: at which places in the program tasks have waited in
// the scheduler's whole life. See [scheduler.Scheduler.WaitPlaces].
type PlaceList struct {
	Scheduler string      `json:"scheduler"`
	Sampled   bool        `json:"sampled"`  // it was made with [scheduler.WithWaitProfile]
	Waits     uint64      `json:"waits"`    // at all places together
	WaitedMS  float64     `json:"waitedMs"` // likewise
	Places    []WaitPlace `json:"places"`   // where tasks waited longest in all comes first
}

// A WaitPlace is one place in a [PlaceList].
type WaitPlace struct {
	At       *Place  `json:"at"`       // or null, for waits of more stacks than are told apart
	WaitsFor string  `json:"waitsFor"` // in the words of Dump: "mutex"
	Waits    uint64  `json:"waits"`
	WaitedMS float64 `json:"waitedMs"` // how long these waits took together
	Share    float64 `json:"share"`    // of the time at all places, 0 to 1
}

func (h *handler) servePlaces(w http.ResponseWriter, r *http.Request) error {
	return h.serveList(w, r, func(src source, limit int) any { return placesOf(src, limit) })
}

func placesOf(src source, limit int) PlaceList {
	list := PlaceList{Scheduler: src.name, Places: []WaitPlace{}}
	all, err := src.s.WaitPlaces()
	if err != nil {
		return list // it samples no waits
	}
	list.Sampled = true
	for _, p := range all {
		list.Waits += p.Waits
		list.WaitedMS += ms(p.Waited)
	}
	for _, p := range all[:min(limit, len(all))] {
		list.Places = append(list.Places, WaitPlace{
			At: place(p.At), WaitsFor: p.WaitsFor, Waits: p.Waits, WaitedMS: ms(p.Waited), Share: ms(p.Waited) / list.WaitedMS,
		})
	}
	return list
}
