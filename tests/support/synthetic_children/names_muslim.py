"""Names of South Asian Muslim families (Pakistani, Bangladeshi), most frequent first."""

from tests.support.synthetic_children.words import words

BOYS = words("""
Muhammad Ibrahim Yusuf Ahmed Ali Mohammed Musa Omar Zayn Hamza Hassan Hussain Adam Abdullah Ismail
Bilal Haris Isa Idris Yahya Zakariya Rayyan Eesa Ayaan Zain Usman Umar Khalid Imran Haroon Ayub
Dawud Sulaiman Tariq Faisal Junaid Kabir Saad Salman Sami Shahid Talha Taha Uzair Waleed Zubair
Zaid Rehan Rizwan Arham Azaan Aariz Danyal Ehsan Farhan Fahim Hadi Hasan Huzaifa Ihsan Jibril
Kamran Luqman Mikaeel Mustafa Nabil Nadeem Qasim Rafi Raihan Sahil Shayan Tahmid Tanvir Wahid
Yaseen Zeeshan Ridwan
""")

GIRLS = words("""
Fatima Aisha Maryam Zainab Khadija Amina Hafsa Safa Inaya Zahra Hana Sumayyah Aaliyah Ayesha Maria
Safiya Ruqayyah Asma Iqra Sana Hira Anaya Noor Alina Eshal Hoorain Aiza Mariam Sara Saira Samira
Sadia Rabia Rahma Nadia Nabila Mahnoor Malika Laiba Kainat Javeria Jannat Iman Humaira Halima
Habiba Farah Faiza Fariha Dua Bushra Basma Areeba Arisha Anum Amal Aleena Afsana Tahira Tasnim
Tania Umaimah Yasmin Yusra Zara Zoya Zoha Rumaisa Rida Nusrat Nasima Mehreen Mahira Lubna Jamila
Ifra Anisa Shirin
""")

SURNAMES = words("""
Khan Ahmed Hussain Ali Begum Mahmood Akhtar Iqbal Rahman Miah Malik Shah Uddin Islam Mohammed Bibi
Chowdhury Hassan Khatun Sheikh Mirza Butt Raza Qureshi Siddiqui Aziz Hussein Kausar Rashid Saleem
Shabir Hanif Ashraf Bashir Zaman Choudhry Ullah Haque Karim Sarwar Yousaf Parveen Rafiq Rehman
Ilyas Ansari Afzal Akram Ameen Anwar Arif Aslam Awan Azam Baig Bhatti Chaudhary Dar Farooq Ghani
Gul Hafeez Hamid Haider Ibrahim Ikram Ismail Jabbar Jamil Javed Kazmi Khalid Latif Majid Mehmood
Mughal Munir Mushtaq Nawaz Nazir Noor Pervez Qadir Rana Rauf Rasool Razaq Sadiq Saeed Sajid Sultan
Syed Tariq Waheed Yaqoob Younis Yusuf Zafar Zaheer Kabir Alom Mannan Matin Motin Bari Kayani Kiani
Naseer Ditta
""")

# Surnames of the tail: a word that is put before another, as in Abdul Rahman or Nur Islam.
SURNAME_STARTS = words("Abdul Abdur Fazal Ghulam Nur Shams Zia Saif Muhib Aminul Rafi Taj Jalal")
SURNAME_ENDS = words("""
Karim Rahim Rahman Haq Hoque Mannan Malik Qayyum Salam Samad Wahab Hamid Aziz Kader Jalil Latif
Majid Mukit Quddus Shakur Ghafoor Basit Matlib Noor Munim Bari Gofur Hai Khaliq
""")
WOMENS = ("Begum", "Bibi", "Khatun", "Akhtar", "Parveen", "Kausar", "Sultana", "Nessa")
PREFIXES = ("Muhammad", "Mohammed", "Mohammad", "Md", "Mohamed", "Abdul")

SECOND_GIVEN = {
    "female": words("Noor Zahra Fatima Bibi Khanum Jahan Sultana Maryam Iman Batool Shah"),
    "male": words("Ali Khan Ahmed Hassan Raza Hussain Amin Iqbal Mustafa Abbas Yasin"),
}

PARENTS = {
    "female": words("""
Shazia Nasreen Rukhsana Samina Saima Shabana Nazia Farzana Shaheen Rubina Tahira Ghazala Yasmin
Fozia Naheed Rahela Shahida Salma Nasima Rehana Hasina Jahanara Rina Sultana Monowara Shamima
Razia Parveen Zahida Kalsoom Uzma Sobia Asia Aneela Sumera Safina Nargis Mumtaz Sajida Shakila
"""),
    "male": words("""
Mohammed Muhammad Abdul Shahid Nadeem Tariq Arshad Khalid Imran Amjad Javed Asif Zahid Sajid Wasim
Kamran Naveed Shafiq Rashid Iftikhar Mahmud Shamsul Nurul Rafiqul Anwar Jamal Faruk Habib Mizan
Kabir Aftab Waqar Ashfaq Babar Ejaz Fiaz Ghulam Liaqat Mazhar Pervaiz Qamar Raja Sabir Yasir
"""),
}
