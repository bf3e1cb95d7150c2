/**
 * The folder that holds `runtime/`, `functions/` and `deploy/`, in a checkout as in a build, whatever file of the build this
 * code is in.
 */
export const appRoot = import.meta.dirname.slice(0, import.meta.dirname.lastIndexOf('/runtime'))
