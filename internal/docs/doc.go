// Package docs holds tests and nothing else: that the documents of the module say what is
// true. They compile and run the code in the Markdown files, follow the links, look
// for exported symbols without a comment, and keep the arrows between the packages.
package docs
