// Package docs contains only tests. They check that the documents of the module are true: they
// compile and run the code in the Markdown files, follow the links, look for the tests that the
// documents name and for exported symbols without a comment, and check which packages import which.
package docs
