// The search runs in a worker, and browsers start none for a page that is opened from a folder: a hidden frame stands in.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.append(frame)
      const inside = frame.contentWindow
      const load = (source) =>
        new Promise((loaded) => {
          const script = inside.document.createElement("script")
          script.src = source
          script.onload = loaded
          inside.document.body.append(script)
        })
      inside.importScripts = (...sources) => Promise.all(sources.map(load))
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }))
      const ready = load(url)
      this.postMessage = (data) => ready.then(() => inside.dispatchEvent(new MessageEvent("message", { data })))
    }
    terminate() {}
  }
}
