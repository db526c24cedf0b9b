// Shows times in the reader's own zone. Nothing else needs a script: without it these times stay in UTC.
const two = (number) => String(number).padStart(2, "0");
for (const time of document.querySelectorAll("time.reader")) {
  const at = new Date(time.dateTime);
  if (Number.isNaN(at.getTime())) continue;
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
  time.title = time.textContent;
  time.textContent = `${day} ${two(at.getHours())}:${two(at.getMinutes())} your time`;
}
