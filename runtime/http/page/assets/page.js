// What the page does beyond being read: it works without this file.

const { dataset } = document.body

const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone

/** Adds to a part of the view what only a script can. */
function enrich(part) {
  // The reader's own time beside that of the server, where they differ.
  for (const time of part.querySelectorAll('time[title]')) {
    const own = new Date(time.dateTime).toLocaleString('sv-SE', { dateStyle: 'short', timeStyle: 'short' })
    if (own !== time.title) time.title += ` (${own} ${ownZone})`
  }
  for (const code of part.querySelectorAll('code[data-copy]')) code.after(copyButton(code))
}

/** Copies a command by a click. */
function copyButton(code) {
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'copy'
  button.textContent = 'copy'
  button.setAttribute('aria-label', `Copy ${code.textContent}`)
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(code.textContent)
      button.textContent = 'copied'
    } catch {
      getSelection()?.selectAllChildren(code)
    }
  })
  return button
}

enrich(document)

// Dark or light, as the system has it until somebody chooses. The server reads the choice, so that no view flashes.
const themes = document.querySelector('[data-theme-switch]')
if (themes) {
  themes.hidden = false
  themes.addEventListener('click', () => {
    const root = document.documentElement
    const isDark = root.dataset.theme
      ? root.dataset.theme === 'dark'
      : matchMedia('(prefers-color-scheme: dark)').matches
    root.dataset.theme = isDark ? 'light' : 'dark'
    // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not everywhere.
    document.cookie = `hdsync-theme=${root.dataset.theme}; Path=/; Max-Age=31536000; SameSite=Strict`
  })
}

/** Draws the view anew, as the server has it now. @returns What that one is worth drawing again for; undefined for nothing. */
async function draw() {
  const answer = await fetch(location.href, { headers: { accept: 'text/html' } })
  if (!answer.ok || answer.redirected) return undefined
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html')
  const open = [...document.querySelectorAll('details[open][id]')].map(({ id }) => id)
  const main = document.querySelector('main')
  main.replaceChildren(...fresh.querySelector('main').childNodes)
  enrich(main)
  for (const id of open) document.getElementById(id)?.setAttribute('open', '')
  return fresh.body.dataset
}

// While something goes on, the view is drawn again as events come, at most once a second.
if (dataset.live) {
  const source = new EventSource(dataset.live)
  let isDue = false
  const later = () => {
    if (isDue) return
    isDue = true
    setTimeout(async () => {
      isDue = false
      if (!(await draw())?.live) source.close()
    }, 1000)
  }
  source.addEventListener('event', later)
  source.addEventListener('progress', ({ data }) => {
    const bar = document.querySelector('progress[data-progress]')
    const { progress } = JSON.parse(data)
    if (bar && typeof progress?.fraction === 'number') bar.value = progress.fraction
  })
  source.addEventListener('end', later)
}

// A view that waits for something short says in how many seconds it is worth another look.
const lookAgain = (seconds) => {
  if (seconds) setTimeout(async () => lookAgain((await draw())?.again), seconds * 1000)
}
lookAgain(dataset.again)
