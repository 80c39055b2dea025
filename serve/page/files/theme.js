// Sets the theme before anything is drawn, so that the page does not flash.
const theme = localStorage.getItem("trit.theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
