// Moments in the browser's own zone; without scripts they stand in UTC.

// The page's language, as the visitor's own region writes it.
const { lang } = document.documentElement;
const region = navigator.languages.find((each) => each === lang || each.startsWith(`${lang}-`)) ?? lang;

export function localTimes(root = document) {
  for (const time of root.querySelectorAll("time[data-moment]")) {
    const moment = new Date(time.dateTime);
    time.textContent = moment.toLocaleString(region, { dateStyle: "medium", timeStyle: "short" });
  }
}
