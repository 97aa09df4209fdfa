//go:build race && !heddle_model

package rt

// Verify is true in this build: see verify.go.
const Verify = true
