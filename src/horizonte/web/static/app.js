// Tells the server the zone of this browser, in which it may be asked to show times.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const { zone: chosen, browserZone } = document.body.dataset;
if (zone && zone !== browserZone) {
  document.cookie = `browser_zone=${zone}; path=/; max-age=31536000; samesite=lax`;
  const known = document.cookie.includes("browser_zone=");
  if (chosen === "browser" && known && !sessionStorage.getItem("zone-told")) {
    sessionStorage.setItem("zone-told", "1");
    location.reload();
  }
}
